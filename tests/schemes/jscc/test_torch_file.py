"""Checkpoints of PyTorch, real ones and ones made by hand to harm."""

import pickle
import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ml_dtypes import bfloat16
from safetensors.numpy import save_file

from kbsc_tf.errors import UserError
from kbsc_tf.schemes.jscc.torch_file import read_state_dict

VECTORS = Path(__file__).parent / "vectors"
NUMBERS = np.arange(6, dtype=np.float32)


def value(x):
    """Opcodes that push a plain Python value."""
    return pickle.dumps(x, protocol=2)[2:-1]


def look_up(module, name):
    return f"c{module}\n{name}\n".encode()


def tensor(key="0", kind="FloatStorage", numel=6, offset=0, size=(2, 3), stride=(3, 1), metadata=None):
    """Opcodes that push a tensor as torch.save writes it."""
    storage = b"(" + value("storage") + look_up("torch", kind) + value(key) + value("cpu") + value(numel) + b"tQ"
    arguments = storage + value(offset) + value(size) + value(stride) + value(False) + value({}) + value(metadata)
    return look_up("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + b"tR"


def dictionary(**entries):
    return b"}(" + b"".join(value(name) + content for name, content in entries.items()) + b"u"


def checkpoint(path, content, root="archive", **records):
    """A zip file as torch.save lays it out, with the opcodes ``content`` as its pickle."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{root}/data.pkl", b"\x80\x02" + content + b".")
        archive.writestr(f"{root}/data/0", NUMBERS.tobytes())
        for name, data in records.items():
            archive.writestr(f"{root}/{name}", data)
    return path


def refusal(path):
    with pytest.raises(UserError) as caught:
        read_state_dict(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "expected" in message and "\n" not in message
    return message


def test_what_torch_saves_is_read():
    arrays = read_state_dict(VECTORS / "torch_file.pt")
    expected = np.load(VECTORS / "torch_file.npz")
    assert list(arrays) == expected.files
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, expected[name], strict=True)
        assert array.flags.c_contiguous and array.flags.owndata and array.flags.writeable


def test_files_in_other_formats_are_refused():
    assert "posix.system" in refusal(VECTORS / "torch_module.pt")
    assert "before 1.6" in refusal(VECTORS / "torch_legacy.pt")
    assert "torch.save(model.state_dict(), path)" in refusal(VECTORS / "torch_legacy.pt")
    assert "not a PyTorch checkpoint" in refusal(VECTORS / "torch_file.npz")
    assert "not a PyTorch checkpoint" in refusal(Path(__file__))


def test_there_must_be_a_file(tmp_path):
    assert "No such file" in refusal(tmp_path / "missing.pth")
    assert "No such file" in refusal(tmp_path / "missing.safetensors")
    assert "irectory" in refusal(tmp_path)


@pytest.mark.parametrize("root", ["archive", "epoch_999"])
def test_a_file_made_by_hand_is_read(tmp_path, root):
    arrays = read_state_dict(checkpoint(tmp_path / "a.model", dictionary(weight=tensor()), root, version=b"3\n"))
    np.testing.assert_array_equal(arrays["weight"], NUMBERS.reshape(2, 3), strict=True)


def test_parameters_are_tensors(tmp_path):
    parameter = look_up("torch._utils", "_rebuild_parameter") + b"(" + tensor() + value(True) + value({}) + b"tR"
    arrays = read_state_dict(checkpoint(tmp_path / "a.pt", dictionary(weight=parameter)))
    np.testing.assert_array_equal(arrays["weight"], NUMBERS.reshape(2, 3))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("subprocess", "getoutput"),
        ("builtins", "eval"),
        ("__builtin__", "eval"),
        ("builtins", "getattr"),
        ("collections", "Counter"),
        ("collections", "OrderedDict.fromkeys"),
        ("numpy", "load"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "scalar"),
        ("torch", "load"),
        ("torch._utils", "_rebuild_tensor"),
        ("torch.nn.modules.linear", "Linear"),
        ("kbsc_tf.files", "anything"),
        ("two\\nlines", "x"),
    ],
)
def test_nothing_else_is_looked_up(tmp_path, module, name):
    mark = tmp_path / "mark"
    command = f"__import__('pathlib').Path({str(mark)!r}).touch()" if name == "eval" else f"touch {mark}"
    call = value(command) + b"\x85R"
    for number, attack in enumerate(
        [
            look_up(module, name) + call,
            value(module) + value(name) + b"\x93" + call,  # STACK_GLOBAL
            b"(" + value(command) + f"i{module}\n{name}\n".encode(),  # INST
            dictionary(weight=tensor(), extra=look_up(module, name) + call),
        ]
    ):
        assert "nothing but tensors" in refusal(checkpoint(tmp_path / f"{number}.pt", attack))
    assert not mark.exists()


@pytest.mark.parametrize("known", [("torch._utils", "_rebuild_tensor_v2"), ("collections", "OrderedDict")])
def test_what_is_looked_up_cannot_be_changed(tmp_path, known):
    change = look_up(*known) + value((None, {"__defaults__": (1,), "__doc__": "changed"})) + b"b"  # BUILD
    refusal(checkpoint(tmp_path / "a.pt", dictionary(weight=change)))
    test_what_torch_saves_is_read()


def test_cut_files_are_refused(tmp_path):
    whole = (VECTORS / "torch_file.pt").read_bytes()
    path = tmp_path / "cut.pt"
    for size in [0, 1, 2, 20, 100, len(whole) // 2, len(whole) - 30, len(whole) - 1]:
        path.write_bytes(whole[:size])
        refusal(path)


def test_changed_bytes_are_noticed(tmp_path):
    path = checkpoint(tmp_path / "a.pt", dictionary(weight=tensor()))
    whole = path.read_bytes()
    for piece in (NUMBERS.tobytes(), b"weight"):
        path.write_bytes(whole.replace(piece, bytes(len(piece))))
        assert "damaged" in refusal(path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"numel": 7},
        {"numel": 5},
        {"numel": -6},
        {"kind": "DoubleStorage"},
        {"kind": "ByteStorage"},
        {"key": "1"},
        {"key": "../data.pkl"},
        {"offset": 1},
        {"offset": -1},
        {"offset": None},
        {"size": (3, 3)},
        {"size": (2, 4)},
        {"size": (2, -3)},
        {"size": (6,)},
        {"size": (2, 3.0)},
        {"size": [2, 3]},
        {"size": (0, 3), "offset": 7},
        {"size": (0, 2**80)},
        {"size": (2**40, 2**40), "stride": (0, 0)},
        {"stride": (4, 1)},
        {"stride": (3, 2)},
        {"stride": (-3, 1)},
        {"stride": (3,)},
        {"size": (5,), "stride": (2**60,)},  # 4 x 2^60 numbers of 4 bytes: 0 to 64-bit integers
        {"size": (2, 3), "stride": (2**80, 1)},
    ],
    ids=str,
)
def test_tensors_stay_inside_their_storage(tmp_path, wrong):
    assert "damaged" in refusal(checkpoint(tmp_path / "a.pt", dictionary(weight=tensor(**wrong))))


def test_views_may_reach_the_end_of_their_storage(tmp_path):
    content = dictionary(
        tail=tensor(offset=4, size=(2,), stride=(1,)),
        columns=tensor(size=(3, 2), stride=(1, 3)),
        repeated=tensor(offset=5, size=(3,), stride=(0,)),
        scalar=tensor(offset=5, size=(), stride=()),
        none=tensor(offset=6, size=(0, 3), stride=(3, 1)),
    )
    arrays = read_state_dict(checkpoint(tmp_path / "a.pt", content))
    expected = {"tail": [4, 5], "columns": [[0, 3], [1, 4], [2, 5]], "repeated": [5] * 3, "scalar": 5}
    for name, numbers in (expected | {"none": np.zeros((0, 3))}).items():
        np.testing.assert_array_equal(arrays[name], np.array(numbers, np.float32), strict=True)


@pytest.mark.parametrize("key", ["state_dict", "model", "anything"])
def test_a_state_dict_may_be_inside(tmp_path, key):
    surplus = {} if key == "anything" else {"epoch": value(3), "optimizer": dictionary(state=value({}), step=tensor())}
    content = dictionary(**{key: dictionary(weight=tensor())}, **surplus)
    assert list(read_state_dict(checkpoint(tmp_path / "a.pt", content, **{"data/7": b"surplus"}))) == ["weight"]


@pytest.mark.parametrize(
    "content",
    [
        value(None),
        value({}),
        value([1, 2]),
        tensor(),
        dictionary(weight=tensor(), epoch=value(3)),
        dictionary(one=dictionary(weight=tensor()), two=dictionary(weight=tensor())),
        value({1: 2}),
        b"}(" + value(1) + tensor() + b"u",
    ],
)
def test_anything_but_a_state_dict_is_refused(tmp_path, content):
    assert "no dict of tensors" in refusal(checkpoint(tmp_path / "a.pt", content))


@pytest.mark.parametrize("pid", [value("0"), value(("module", "x")), value(("storage", "float32", 0, "cpu", 6))])
def test_other_persistent_objects_are_refused(tmp_path, pid):
    assert "damaged" in refusal(checkpoint(tmp_path / "a.pt", dictionary(weight=pid + b"Q")))


def test_numbers_that_cannot_be_read_are_refused(tmp_path):
    content = dictionary(weight=tensor(kind="BFloat16Storage"))
    assert "bfloat16" in refusal(checkpoint(tmp_path / "a.pt", content))
    content = dictionary(weight=tensor(metadata={"neg": True}))
    assert "negated" in refusal(checkpoint(tmp_path / "a.pt", content))
    save_file({"weight": np.ones(3, bfloat16)}, tmp_path / "a.safetensors")
    assert "bfloat16" in refusal(tmp_path / "a.safetensors")
    content = dictionary(weight=tensor())
    assert "big-endian" in refusal(checkpoint(tmp_path / "b.pt", content, byteorder=b"big"))
    assert read_state_dict(checkpoint(tmp_path / "c.pt", content, byteorder=b"little"))


def test_the_prefix_of_data_parallel_is_removed(tmp_path):
    for suffix in ("a", "b"):
        parallel = {"module.a": tensor(), f"module.module.{suffix}": tensor()}
        assert list(read_state_dict(checkpoint(tmp_path / "a.pt", dictionary(**parallel)))) == ["a", f"module.{suffix}"]
    mixed = {"module.a": tensor(), "b": tensor()}
    assert list(read_state_dict(checkpoint(tmp_path / "b.pt", dictionary(**mixed)))) == list(mixed)


def test_safetensors(tmp_path):
    arrays = {"module.a": NUMBERS.reshape(2, 3), "module.b": np.array(7), "module.c": np.ones((0, 2), np.float16)}
    path = tmp_path / "a.safetensors"
    save_file(arrays, path)
    read = read_state_dict(path)
    assert sorted(read) == ["a", "b", "c"]
    for name, array in read.items():
        np.testing.assert_array_equal(array, arrays[f"module.{name}"], strict=True)
    path.write_bytes(path.read_bytes()[:-1])
    assert "safetensors" in refusal(path)
    path.write_bytes((VECTORS / "torch_file.pt").read_bytes())
    assert "safetensors" in refusal(path)


def test_a_memo_place_beyond_all_steps_takes_no_memory(tmp_path):
    content = b"}r" + (2**31 - 1).to_bytes(4, "little")  # 8 GB of places in C
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "damaged" in refusal(checkpoint(tmp_path / "a.pth", content))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


@pytest.mark.parametrize("content", [dictionary(a=tensor(size=(10**6, 10**5), stride=(0, 0)))])
def test_tensors_far_larger_than_their_numbers_are_refused(tmp_path, content):
    assert "larger than the numbers" in refusal(checkpoint(tmp_path / "a.pth", content))


@pytest.mark.long
def test_a_record_that_unpacks_to_gigabytes_is_refused(tmp_path):
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("archive/data.pkl", "w") as member:
        for _ in range(600):
            member.write(bytes(1 << 20))
    assert "damaged" in refusal(path)
