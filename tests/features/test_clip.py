import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
from clip_samples import image_list

from kbsc_tf.errors import UserError
from kbsc_tf.features import ClipEncoder, clip_weights
from kbsc_tf.features.clip_weights import load_clip, load_towers
from kbsc_tf.kept import Kept


@pytest.fixture(scope="module")
def encoder(clips):
    return ClipEncoder(str(clips.h5), batch_size=8)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["tf", "pytorch", "sharded"])
def test_every_weight_format_gives_the_same_features(clips, encoder, kind):
    other = ClipEncoder(str(getattr(clips, kind)), batch_size=8)
    images = image_list(5)
    assert np.abs(other.embed_images(images) - encoder.embed_images(images)).max() < 1e-6
    assert np.abs(other.embed_texts(["a cat"]) - encoder.embed_texts(["a cat"])).max() < 1e-6
    assert other.fingerprint != encoder.fingerprint  # other files: not the same to the last bit


def test_features_have_length_one_and_do_not_depend_on_the_batch(encoder):
    images = image_list(19)
    features = encoder.embed_images(images)
    assert features.shape == (19, encoder.dim) == (19, 12) and features.dtype == np.float32
    assert np.abs(np.linalg.norm(features, axis=1) - 1).max() < 1e-6
    alone = np.concatenate([encoder.embed_images([image]) for image in images])
    assert np.abs(features - alone).max() < 1e-6
    assert encoder.embed_images([]).shape == (0, 12)
    assert np.std(features, axis=0).max() > 1e-3


def test_progress_counts_the_images(encoder):
    counts = []
    encoder.embed_images(image_list(19), counts.append)
    assert counts == [8, 8, 3]


def test_the_model_is_traced_once_for_a_stream_of_batches_whichever_encoder_embeds(encoder):
    def traced(batch_size):
        fresh = ClipEncoder(encoder.name, batch_size)
        list(fresh.embed_batches(iter([image_list(batch_size), image_list(batch_size), image_list(3)])))
        return load_towers(fresh._files, fresh.fingerprint).images.experimental_get_tracing_count()

    before = traced(5)
    assert traced(5) == before and traced(6) == before + 1


def test_encoders_that_take_turns_load_their_models_once(clips, monkeypatch):
    loaded = []
    monkeypatch.setattr(clip_weights, "_LAST", Kept(1))
    monkeypatch.setattr(clip_weights, "load_clip", lambda files: loaded.append(files.folder) or load_clip(files))
    two = [ClipEncoder(str(clips.h5)), ClipEncoder(str(clips.tf))]
    for encoder in two * 2:
        encoder.embed_images(image_list(2))
    assert len(loaded) == 2


def test_a_model_whose_files_have_changed_is_loaded_anew(clips, tmp_path):
    folder = shutil.copytree(clips.h5, tmp_path / "clip")
    before = ClipEncoder(str(folder)).embed_images(image_list(2))
    weights = folder / "tf_model.h5"
    with h5py.File(weights, "r+") as file:
        names = []
        file.visit(names.append)
        [bias] = [name for name in names if name.endswith("visual_projection/kernel:0")]
        file[bias][...] = -file[bias][...]
    np.testing.assert_allclose(ClipEncoder(str(folder)).embed_images(image_list(2)), -before, atol=1e-6)


def test_pixels_are_those_of_the_image_processor(encoder):
    from transformers import CLIPImageProcessor

    processor = CLIPImageProcessor.from_pretrained(encoder.name)
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((16, 16), (40, 25), (9, 30), (3, 5), (1, 1))]
    pixels = encoder.preprocess(images)
    assert pixels.shape == (5, 3, 16, 16) and pixels.dtype == np.float32
    for image, mine in zip(images, pixels, strict=True):
        theirs = processor(image, return_tensors="np", input_data_format="channels_last")["pixel_values"][0]
        assert np.array_equal(mine, theirs)
    mean, std = np.array(processor.image_mean), np.array(processor.image_std)
    assert np.abs(pixels[0] - ((images[0] / 255 - mean) / std).transpose(2, 0, 1)).max() < 1e-6


def test_images_that_are_not_rgb_bytes_are_refused(encoder):
    for image in (np.zeros((16, 16, 3), np.float32), np.zeros((16, 16), np.uint8), np.zeros((16, 16, 4), np.uint8)):
        with pytest.raises(ValueError, match="uint8"):
            encoder.embed_images([image])


def test_texts(encoder):
    features = encoder.embed_texts(["a cat", "a dog", "a cat", "a text far longer than the ten tokens of the context"])
    assert features.shape == (4, 12)
    assert np.abs(np.linalg.norm(features, axis=1) - 1).max() < 1e-6
    assert np.array_equal(features[0], features[2]) and np.abs(features[0] - features[1]).max() > 1e-4
    assert np.abs(encoder.embed_texts(["a cat"]) - features[:1]).max() < 1e-6  # padding changes nothing


@pytest.mark.long
def test_nothing_is_loaded_before_the_first_embedding_and_loading_is_quiet(clips):
    code = (
        "import sys, numpy as np; from kbsc_tf.features import ClipEncoder; "
        f"e = ClipEncoder({str(clips.h5)!r}); e.fingerprint, e.dim, e.image_size; "
        "print({'tensorflow', 'transformers', 'keras'} & set(sys.modules)); "
        "e.embed_images([np.zeros((16, 16, 3), np.uint8)]); e.embed_texts(['a'])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stdout.strip(), run.stderr.strip()) == (0, "set()", "")


def test_nan_weights_are_noticed(clips, tmp_path):
    from safetensors.numpy import save_file

    folder = tmp_path / "clip"
    shutil.copytree(clips.pytorch, folder)
    state = {name: value.copy() for name, value in clips.state.items()}
    state["visual_projection.weight"][0, 0] = np.nan
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="the feature of image 0 is not finite"):
        ClipEncoder(str(folder)).embed_images(image_list(2))


def test_missing_and_damaged_weights_are_noticed(clips, tmp_path):
    from safetensors.numpy import save_file

    folder = tmp_path / "clip"
    shutil.copytree(clips.pytorch, folder)
    vision = {name: value for name, value in clips.state.items() if not name.startswith("text")}
    save_file(vision, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="lacks .* of the weights that config.json asks for"):
        ClipEncoder(str(folder)).embed_images(image_list(1))
    for kind, file in (("pytorch", "model.safetensors"), ("h5", "tf_model.h5")):
        shutil.rmtree(folder)
        shutil.copytree(getattr(clips, kind), folder)
        (folder / file).write_bytes((folder / file).read_bytes()[:5000])
        with pytest.raises(UserError, match=f"{file}: cannot be loaded as a CLIP model"):
            ClipEncoder(str(folder)).embed_images(image_list(1))


def test_preprocessing_of_another_size_is_noticed(clips, tmp_path):
    folder = tmp_path / "clip"
    shutil.copytree(clips.h5, folder)
    settings = folder / "preprocessor_config.json"
    settings.write_text(settings.read_text().replace("16", "24"))
    with pytest.raises(UserError, match="makes images of 24x24 pixels, but config.json asks for 16x16"):
        ClipEncoder(str(folder)).embed_images(image_list(1))


@pytest.mark.long
def test_the_clip_inside_the_package():
    from kbsc_tf.data.sources import procedural_set
    from kbsc_tf.features.clip_files import SMALL

    assert sum(file.stat().st_size for file in SMALL.iterdir()) <= 10 * 2**20
    images = procedural_set(1_500, 12345, "test")
    small = ClipEncoder("small", 256)
    features = small.embed_images(images.read(range(1_500)))
    prompts = small.embed_texts([f"a photo of a {name}" for name in images.class_names])
    assert features.shape == (1_500, small.dim) and prompts.shape == (100, small.dim)
    # The model card has about 95 % for both; the standard error of 500 is 1 point, and this KB is a smaller one.
    assert np.mean(np.argmax(features @ prompts.T, axis=1) == images.labels) > 0.9
    nearest = np.argmax(features[1_000:] @ features[:1_000].T, axis=1)
    assert np.mean(images.labels[nearest] == images.labels[1_000:]) > 0.9


def test_an_image_too_long_to_enlarge_is_refused(clips):
    with pytest.raises(UserError, match="CLIP: cannot resize an image of 1 x 5000 pixels"):
        ClipEncoder(str(clips.h5)).preprocess([np.zeros((1, 5000, 3), np.uint8)])
