"""The figure of how many channel uses single images took."""

import numpy as np
import pandas as pd
import pytest
from outcomes import two_schemes

from kbsc_tf.figures.curves import draw_figures
from kbsc_tf.figures.outcomes import lengths
from kbsc_tf.results.outcomes import per_image_points, read_per_image
from kbsc_tf.results.records import read_records


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """KBSC is sent shorter at higher SNR, PCA is not."""
    two_schemes(tmp_path, snrs=(-4.0, 0.0, 6.0))
    records = read_records(tmp_path)
    early = records["scheme"].eq("kbsc")
    uses = records["k"] / 2 - early * (records["snr_db"] + 4)
    records.assign(channel_uses=uses).to_csv(tmp_path / "records.csv", index=False)

    def outcomes(path, point):
        table = read_per_image(path, point)
        return table.assign(channel_uses=np.float32(np.arange(len(table)) % 4 * 8 + 8))

    monkeypatch.setattr(lengths, "read_per_image", outcomes)
    return tmp_path


def test_the_share_of_images_that_took_at_most_so_much(folder, monkeypatch):
    drawn = []
    monkeypatch.setattr(lengths, "save_figure", lambda figure, *_: drawn.append(figure) or [folder / "lengths.png"])
    assert folder / "lengths.png" in draw_figures(folder, ["png"])
    [figure] = drawn
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["KBSC"], "PCA always takes the same"
    line = figure.axes[0].lines[0]
    x, y = line.get_xdata(), line.get_ydata()
    for uses, share in ((8, 25), (16, 50), (24, 75), (32, 100)):
        assert y[x <= uses].max() == pytest.approx(share, abs=1)
    assert "0 dB" in figure.axes[0].get_title().replace("\N{NO-BREAK SPACE}", " ")


def test_nothing_is_drawn_where_all_images_take_the_same(tmp_path):
    two_schemes(tmp_path, snrs=(-4.0, 0.0))
    draw_figures(tmp_path, ["png"])
    assert not (tmp_path / "lengths.png").exists()


def test_files_of_before_have_no_channel_uses(tmp_path):
    two_schemes(tmp_path, snrs=(0.0,))
    table = read_per_image(tmp_path, per_image_points(tmp_path)[0])
    assert len(table) and table["channel_uses"].isna().all() and isinstance(table, pd.DataFrame)
