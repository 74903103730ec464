"""Mutations of the smallest pieces: bytes, texts, numbers, JSON values and NumPy arrays."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

EXTREMES = (
    0,
    1,
    -1,
    2,
    7,
    127,
    -128,
    255,
    2**15,
    2**31 - 1,
    -(2**31),
    2**32,
    2**53,
    2**62,
    2**63 - 1,
    -(2**63),
    2**64 - 1,
)
FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-45, 1e38, -1e300, math.inf, -math.inf, math.nan)
TEXTS = (
    "",
    "x",
    "../../x",
    "/dev/full",
    "a" * 5000,
    "N",
    "-1",
    "\x00",
    "\x1b[31m",
    "\ud7ff\U0001f600",
    "{}",
    "None",
    "float16",
)
_LARGEST_TAIL = 64


def mutated_bytes(data: bytes, random: Random) -> bytes:
    """Return the data with a few bytes changed, dropped, doubled, added or cut off."""
    changes: list[Callable[[bytes, Random], bytes]] = [
        _flipped,
        _overwritten,
        _as_integers,
        _cut,
        _without,
        _doubled,
        _grown,
    ]
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        data = random.choice(changes)(data, random)
    return data


def _flipped(data: bytes, random: Random) -> bytes:
    if not data:
        return b"\x00"
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << random.randrange(8))]) + data[at + 1 :]


def _overwritten(data: bytes, random: Random) -> bytes:
    at, size = random.randrange(len(data) + 1), random.choice((1, 2, 4, 16))
    filling = random.choice((bytes(size), b"\xff" * size, random.randbytes(size)))
    return data[:at] + filling + data[at + size :]


def _as_integers(data: bytes, random: Random) -> bytes:
    """Put an extreme where formats keep sizes and offsets: four or eight bytes at a multiple of four."""
    size = random.choice((4, 8))
    at = random.randrange(len(data) // 4 + 1) * 4
    value = random.choice(EXTREMES) % 2 ** (8 * size)
    return data[:at] + value.to_bytes(size, "little") + data[at + size :]


def _span(data: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.choice((1, 4, 32, len(data) // 4)))


def _cut(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _without(data: bytes, random: Random) -> bytes:
    start, end = _span(data, random)
    return data[:start] + data[end:]


def _doubled(data: bytes, random: Random) -> bytes:
    start, end = _span(data, random)
    return data[:end] + data[start:]


def _grown(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.randbytes(random.randrange(1, _LARGEST_TAIL)) + data[at:]


def mutated_text(text: str, random: Random) -> str:
    """Return another text: one of the usual suspects, or this one with a letter off."""
    if not text or random.random() < 0.5:
        return random.choice(TEXTS)
    at = random.randrange(len(text))
    return random.choice((text[:at] + text[at + 1 :], text[:at] + "~" + text[at:], text.upper(), text * 2, text[::-1]))


def mutated_json(text: bytes, random: Random) -> tuple[str, bytes]:
    """Return what was changed and the document with one value of it dropped, doubled, swapped or replaced."""
    root = {"": json.loads(text)}
    places = list(_places(root))
    holder, key = random.choice(places)
    before = holder[key]
    action = random.choice(("replace", "replace", "drop", "double", "swap", "near"))
    if action == "drop" and holder is not root:
        del holder[key]
    elif action == "double" and isinstance(holder, list):
        holder.insert(key, before)
    elif action == "swap":
        holder[key] = random.choice([other[name] for other, name in places if other is not root or len(places) == 1])
        if _holds_itself(holder[key], holder):
            holder[key] = None
    else:
        action, holder[key] = "replace", _another(before, random)
    return f"JSON: {action} {key!r}", json.dumps(root.get("")).encode("utf-8", "surrogatepass")


def _places(root: Any) -> Any:
    pending = [root]
    while pending:
        holder = pending.pop()
        for key, value in holder.items() if isinstance(holder, dict) else enumerate(holder):
            yield holder, key
            if isinstance(value, dict | list):
                pending.append(value)


def _holds_itself(value: Any, holder: Any) -> bool:
    if not isinstance(value, dict | list):
        return False
    return value is holder or any(inner is holder for inner in (place[0][place[1]] for place in _places(value)))


def _another(value: Any, random: Random) -> Any:
    if isinstance(value, str) and random.random() < 0.6:
        if value[:1] in ("{", "[") and random.random() < 0.8:  # a document within the document
            return mutated_json(value.encode(), random)[1].decode()
        return mutated_text(value, random)
    if isinstance(value, int | float) and random.random() < 0.6:
        return random.choice((*EXTREMES, *FLOATS, value + 1, value - 1, -value))
    return random.choice((None, True, 0, -1, 1.5, "x", [], {}, [[]], {"a": 1}, 2**40))


def mutated_array(array: np.ndarray[Any, Any], random: Random) -> tuple[str, np.ndarray[Any, Any]]:
    """Return what was changed and an array that is shorter, of another shape or dtype, or holds extremes or NaN."""
    action = random.choice(("shorten", "shorten", "empty", "reshape", "dtype", "extreme", "extreme", "repeat"))
    if action == "shorten" and array.ndim and len(array):
        axis = random.randrange(array.ndim)
        changed = np.take(array, range(random.randrange(max(array.shape[axis], 1))), axis)
    elif action == "empty":
        changed = np.zeros(random.choice(((), (0,), (0, 3), (1, 1, 1))), array.dtype)
    elif action == "reshape":
        changed = array.reshape(random.choice(((-1,), (1, -1), (-1, 1), (1, 1, -1))))
    elif action == "dtype" and array.dtype.names is None:
        changed = array.astype(
            random.choice(("f2", "f4", "f8", "i1", "i4", "i8", "u8", "?", "c8", ">f8", "U3")), casting="unsafe"
        )
    elif action == "repeat":
        changed = np.repeat(array, 2, axis=0) if array.ndim else array
    else:
        action, changed = "extreme", _with_extreme(array, random)
    return f"array: {action}", changed


def _with_extreme(array: np.ndarray[Any, Any], random: Random) -> np.ndarray[Any, Any]:
    """Return the array with one number, or one field of a record, extreme."""
    changed = np.array(array)
    field = changed[random.choice(changed.dtype.names)] if changed.dtype.names else changed
    if not field.size:
        return changed
    if field.dtype.kind not in "fciu":
        raw = bytearray(changed.tobytes())
        raw[random.randrange(len(raw))] ^= 0xFF
        return np.frombuffer(bytes(raw), changed.dtype).reshape(changed.shape)
    if field.dtype.kind in "fc":
        value = random.choice(FLOATS)
    else:
        limits = np.iinfo(field.dtype)
        value = min(max(random.choice((*EXTREMES, field.size, field.size + 1)), limits.min), limits.max)
    with np.errstate(all="ignore"):
        field.flat[random.randrange(field.size)] = value
    return changed


def mutated_npy(data: bytes, random: Random) -> tuple[str, bytes]:
    """Return what was changed and a .npy file whose header or array differs."""
    if random.random() < 0.25:
        words = ((b"'fortran_order': False", b"'fortran_order': True"), (b"'<", b"'>"), (b"f8", b"i8"), (b"(", b"(9"),
                 (b"(", b"(-1, "), (b"'descr'", b"'descs'"), (b"'<f8'", b"'|O' "), (b"i8", b"f8"), (b"{", b"["))  # fmt: skip
        before, after = random.choice(words)
        return f"npy header: {before!r}", data.replace(before, after, 1)
    array = np.load(io.BytesIO(data), allow_pickle=False)
    kind, changed = mutated_array(array, random)
    stream = io.BytesIO()
    np.save(stream, changed, allow_pickle=False)
    return kind, stream.getvalue()
