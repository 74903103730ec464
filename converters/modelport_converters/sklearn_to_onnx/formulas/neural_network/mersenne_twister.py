"""The Mersenne twister: numpy.random.RandomState(seed).randint, on words of 32 separate bits.

Source: M. Matsumoto and T. Nishimura, Mersenne Twister, ACM Transactions on Modeling and Computer Simulation 8 (1998).
Logical operators on bits are older in ONNX than bitwise ones on integers, and every runtime has them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Graph, Value, innermost

_BITS = 32
_WORDS, _MIDDLE = 624, 397
_TWIST = 0x9908B0DF
_TEMPERING = ((-11, 0xFFFFFFFF), (7, 0x9D2C5680), (15, 0xEFC60000), (-18, 0xFFFFFFFF))
"""Shifts to the left, and the bits that they change."""


def integers(graph: Graph, seed: int, below: int, count: Value) -> Value:
    """Return numpy.random.RandomState(seed).randint(0, below, count), int64[count].

    Arguments:
        count: an int64[1], known when the model runs.
    """
    used = (below - 1).bit_length()
    worth = 2 ** np.arange(used, dtype=np.int64)

    def block(_: Value, words: Value, drawn: Value) -> tuple[Value, list[Value]]:
        words = _twisted(words)
        numbers = fn.sum(_tempered(words)[:, :used].cast("int64") * worth, 1)
        accepted = words.graph.op("Compress", numbers, numbers < below, axis=0)
        drawn = fn.concatenate([drawn, accepted], 0)
        return fn.squeeze(fn.size(drawn) < count, 0), [words, drawn]

    key: Any = np.random.RandomState(seed).get_state()[1]  # type: ignore[index]
    start = [graph.constant(_bits(key)), graph.constant(np.zeros(0, np.int64))]
    drawn = fn.loop(graph, fn.squeeze(count, 0) + 1, start, block)[1]
    return graph.op("Slice", drawn, np.zeros(1, np.int64), count)


def _bits(words: Any) -> NDArray[np.bool_]:
    """The bits of integers, along a last axis, the lowest one first."""
    return np.asarray(words, np.int64)[..., np.newaxis] >> np.arange(_BITS) & 1 == 1


def _twisted(words: Value) -> Value:
    """The next 624 words; each depends on one that lies 397 further, so that they come in three parts and a last one."""
    far = _WORDS - _MIDDLE
    parts: list[Value] = [_mixed(words[:far], words[1 : far + 1], words[_MIDDLE:])]
    parts.append(_mixed(words[far : 2 * far], words[far + 1 : 2 * far + 1], parts[0]))
    left = _WORDS - 1 - 2 * far
    parts.append(_mixed(words[2 * far : _WORDS - 1], words[2 * far + 1 :], parts[1][:left]))
    parts.append(_mixed(words[_WORDS - 1 :], parts[0][:1], parts[1][left : left + 1]))
    return words.graph.op("Concat", *parts, axis=0)


def _mixed(own: Value, following: Value, far: Value) -> Value:
    """The highest bit of a word before the others of the next one, shifted right; where that loses a bit, twisted."""
    shifted = own.graph.op("Concat", following[:, 1 : _BITS - 1], own[:, _BITS - 1 :], own[:, :1] & ~own[:, :1], axis=1)
    return _xor(far, _xor(shifted, following[:, :1] & _bits(_TWIST)))


def _tempered(words: Value) -> Value:
    for shift, kept in _TEMPERING:
        zeros = words[:, : abs(shift)] & ~words[:, : abs(shift)]
        moved = [zeros, words[:, :-shift]] if shift > 0 else [words[:, -shift:], zeros]
        words = _xor(words, words.graph.op("Concat", *moved, axis=1) & _bits(kept))
    return words


def _xor(left: Value, right: Value) -> Value:
    return innermost(left, right).op("Xor", left, right)
