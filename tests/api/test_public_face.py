"""`import kbsc_tf as kbsc`: light, quick, and with a name for everything a user calls first."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import kbsc_tf as kbsc

LOADED = "print([name for name in ('tensorflow', 'pandas', 'pydantic', 'matplotlib', 'numpy') if name in sys.modules])"


def fresh(code: str, *options: str) -> subprocess.CompletedProcess:
    """What a fresh interpreter says to some code."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment)


def seconds_of(code: str) -> float:
    """Processor time that a fresh interpreter spends on some code, beyond its own start: the best of three."""
    timed = f"import os; before = sum(os.times()[:2]); {code}; print(sum(os.times()[:2]) - before)"
    return min(float(fresh(timed).stdout.splitlines()[-1]) for _ in range(3))


def test_importing_loads_nothing_and_takes_no_time():
    assert fresh(f"import sys, kbsc_tf; {LOADED}").stdout.strip() == "[]"
    assert seconds_of("import kbsc_tf") < 0.15


def test_help_is_quick_and_light():
    help_ = "from contextlib import suppress\nwith suppress(SystemExit): from kbsc_tf.cli import app; app(['--help'])"
    assert fresh(f"import sys\n{help_}\n{LOADED}").stdout.strip().endswith("[]")
    code = f"exec({help_!r})"
    assert seconds_of(code) < 0.5


def test_the_public_names_are_listed_and_there():
    names = {"run", "Run", "Link", "CodedLink", "Images", "Encoder", "Channel", "UserError", "load_config", "registry"}
    assert names | {"__version__"} <= set(dir(kbsc))
    for name in dir(kbsc):
        assert getattr(kbsc, name) is not None, name


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'rum'"):
        kbsc.rum  # noqa: B018


def test_mistakes_cost_no_tensorflow():
    code = "import sys, kbsc_tf as kbsc\ntry: kbsc.run('quickstart', snr=3)\nexcept kbsc.UserError as e: print(e)\n"
    shown = fresh(code + "print('tensorflow' in sys.modules)").stdout
    assert shown == "run: unknown keyword snr; did you mean snr_db?\nFalse\n"


@pytest.mark.long
def test_tensorflow_is_loaded_quietly():
    code = "import sys; from kbsc_tf.study.start import prepare_tensorflow; prepare_tensorflow()\n"
    code += "import tensorflow as tf; tf.constant(1) + 1; print('tensorflow' in sys.modules)"
    done = fresh(code)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_the_registry_adds_by_decorator():
    assert {"kbsc", "pca"} <= set(kbsc.registry.schemes)
    assert "function" not in set(kbsc.registry.channels), "what holds an object of Python is not for files"


def test_bundled_experiments_are_found():
    names = kbsc.bundled_experiments()
    assert {"quickstart", "cifar10"} <= set(names)
    assert kbsc.load_config("quickstart").name == "quickstart"
    assert Path(find_spec("kbsc_tf").origin).parent.joinpath("experiments", "quickstart.yaml").is_file()
