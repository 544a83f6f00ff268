"""Damaged content, drawn by a generator, and readers that are given it; see the tests beside this file."""

import random
import resource
import time

import pytest

from kbsc_tf.errors import UserError

ODD = [
    "-1",
    "0",
    "1e400",
    ".inf",
    ".nan",
    "~",
    "true",
    "'no'",
    "0x_",
    "1_000",
    "10:20",
    "020",
    "2025-02-30",
    "99999999999999999999",
    "-9223372036854775809",
    "[]",
    "{}",
    "[[]]",
    "[1,[2]]",
    "{a:1}",
    "*a",
    "&a",
    "!!python/object:os.system",
    "!!int",
    "<<",
    "|",
    ">",
    "?",
    "-",
    ":",
    ",",
    "]",
    "}",
    "'",
    '"',
    "%",
    "@",
    "`",
    "é",
    "字",
    "inf",
    "-inf",
    "1e-400",
    "{from:0,to:1e9,step:1e-9}",
    "{low:5,high:1}",
    "/dev/zero",
    "../../x",
    "%s",
    "$HOME",
]
LENGTHS = (2**20, 2**31, 2**33, 2**36, 2**62, 2**64 - 1)
ODD += ["\x00", "\ufeff", "\u2028", "# "]


def mutated_text(text, rng):
    """Some lines or words of a text taken away, doubled, moved or replaced."""
    lines = text.splitlines()
    for _ in range(rng.randint(1, 4)):
        i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
        match rng.randrange(7):
            case 0:
                lines[i] = lines[j]
            case 1:
                lines.insert(i, lines[j])
            case 2:
                lines[i] = " " * rng.randrange(9) + lines[i].lstrip()
            case 3:
                key, colon, _ = lines[i].partition(":")
                lines[i] = key + colon + " " + rng.choice(ODD)
            case 4:
                place = rng.randrange(len(lines[i]) + 1)
                lines[i] = lines[i][:place] + rng.choice(ODD) + lines[i][place:]
            case 5:
                place = rng.randrange(len(lines[i]) + 1)
                lines[i] = lines[i][:place] + lines[i][place + rng.randint(1, 5) :]
            case 6:
                words = lines[i].split(" ")
                words[rng.randrange(len(words))] = rng.choice(ODD)
                lines[i] = " ".join(words)
    return "\n".join(lines) + "\n"


def mutated_bytes(content, rng):
    """Some bytes changed, cut out, doubled or cut off; lengths and sizes are hit more often than their share."""
    content = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(min(len(content), rng.choice((64, 400, len(content)))))
        size = rng.randint(1, 16)
        match rng.randrange(9):
            case 0:
                content[place] ^= 1 << rng.randrange(8)
            case 1:
                content[place : place + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"))
            case 2:
                del content[place : place + size]
            case 3:
                content[place:place] = content[place : place + size]
            case 4:
                content[place : place + size] = rng.randbytes(size)
            case 5 if rng.random() < 0.2:
                del content[place + 1 :]
            case 6:  # a run of zeros, as of a block that never reached the disk
                run = min(rng.choice((16, 512, 4096)), len(content) - place)
                content[place : place + run] = bytes(run)
            case 7:  # a length that asks for gigabytes
                content[place : place + 8] = rng.choice(LENGTHS).to_bytes(8, rng.choice(("little", "big")))
            case 8:  # another part of the same file
                other = rng.randrange(len(content))
                content[place : place + 64] = content[other : other + 64]
        content = content or bytearray(b"\0")
    return bytes(content)


def mutated_json(value, rng):
    """A value of one key anywhere replaced, or the key taken away."""
    inside = [*(value if isinstance(value, dict) else range(len(value)))]
    key = rng.choice(inside) if inside else None
    if key is None:
        return value
    if isinstance(value[key], dict | list) and value[key] and rng.random() < 0.8:
        value[key] = mutated_json(value[key], rng)
    elif rng.random() < 0.3:
        del value[key]
    else:
        value[key] = rng.choice([None, -1, 1e99, 10**30, "x", [], {}, True, [[1]], {"a": {}}, "\u2028"])
    return value


def fuzz(count, read, errors=(UserError,), sealed=False):
    """Call ``read`` with ``count`` generators; what is refused is one sentence, and none takes long or much memory.

    Of what is ``sealed`` by checksums, all may be refused, and nearly all must be.
    """
    refused, before = 0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(count):
        started = time.process_time()
        try:
            read(random.Random(seed))
        except errors as error:
            refused += 1
            assert str(error) and "\n" not in str(error) and len(str(error)) < 2000, (seed, str(error))
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
        assert time.process_time() - started < 5, f"seed {seed}"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2e6  # kB
    assert 0.7 * count < refused if sealed else 0.02 * count < refused < count, f"{refused} refused"


def often(few, many):
    return pytest.mark.parametrize("count", [few, pytest.param(many, marks=pytest.mark.slow)])
