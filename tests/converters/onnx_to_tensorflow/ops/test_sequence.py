"""Sequences and optionals in TensorFlow: inside a model, and at its border, where a SavedModel has tensors only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tf_models import assert_same, by_onnxruntime, parsed, translated

CHUNKS = """g (float[N,3] x, int64 n) => (float[M,3] y, int64 count, float[P,3] last, float[Q,2,3] rest) {
  parts = SplitToSequence<axis=0>(x, n)
  grown = SequenceMap(parts) <body = b (float[P,3] p) => (float[R,3] q) { q = Exp(p) }>
  y = ConcatFromSequence<axis=0>(grown)
  count = SequenceLength(grown)
  back = Constant<value = int64 {-1}>()
  last = SequenceAt(grown, back)
  fewer = SequenceErase(parts)
  rest = ConcatFromSequence<axis=0, new_axis=1>(fewer) }"""

LENGTHS = """g (float[2,N,3] x, int64[3] n) => (float[M,3,2] y) {
  parts = SplitToSequence<axis=-2>(x, n)
  turned = SequenceMap(parts) <body = b (float[2,P,3] p) => (float[P,3,2] q) { q = Transpose<perm=[1,2,0]>(p) }>
  y = ConcatFromSequence<axis=0>(turned) }"""

SLICES = """g (float[2,N,3] x) => (float[2,3,N] y, float[2,N,3] z) {
  bare = SplitToSequence<axis=1, keepdims=0>(x)
  y = ConcatFromSequence<axis=-1, new_axis=1>(bare)
  kept = SplitToSequence<axis=1>(x)
  z = ConcatFromSequence<axis=1>(kept) }"""

COLLECTED = """g (int64 n, float[N] x) => (float[M] y) {
  go = Constant<value = bool {1}>()
  nothing = SequenceEmpty()
  all = Loop(n, go, nothing) <body = b (int64 i, bool keep, seq(float[A]) v) => (bool again, seq(float[B]) w) {
    step = Cast<to=1>(i)
    moved = Add(x, step)
    front = Constant<value = int64 {0}>()
    w = SequenceInsert(v, moved, front)
    again = Identity(keep) }>
  y = ConcatFromSequence<axis=0>(all) }"""

MAYBE = """g (bool c, float[N] x) => (bool present, float[M] y) {
  held = If(c) <
    then_branch = t () => (optional(float[A]) full) { twice = Add(x, x)
      full = Optional(twice) },
    else_branch = e () => (optional(float[A]) none) { none = Optional<type = float[A]>() }>
  present = OptionalHasElement(held)
  y = If(present) <
    then_branch = p () => (float[A] got) { got = OptionalGetElement(held) },
    else_branch = q () => (float[A] own) { own = Neg(x) }> }"""


def some(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def number(value: Any) -> Any:
    return np.array(value, np.int64)


def agrees(text: str, inputs: dict[str, Any], **options: Any) -> None:
    model = parsed(text)
    assert_same(translated(model, inputs, **options), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("saved", [False, True])
def test_a_tensor_of_unknown_size_is_cut_into_parts_of_which_the_last_is_shorter(saved: bool) -> None:
    agrees(CHUNKS, {"x": some(5, 3), "n": number(2)}, saved=saved)


def test_a_tensor_is_cut_into_parts_of_given_lengths() -> None:
    agrees(LENGTHS, {"x": some(2, 7, 3), "n": number([2, 1, 4])})


def test_lengths_that_do_not_add_up_are_an_error_when_running() -> None:
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError, match="do not add up"):
        translated(parsed(LENGTHS), {"x": some(2, 7, 3), "n": number([2, 1, 3])})


def test_a_tensor_is_cut_into_single_slices_with_and_without_the_dimension() -> None:
    agrees(SLICES, {"x": some(2, 4, 3)})


@pytest.mark.parametrize("saved", [False, True])
def test_a_loop_collects_a_sequence(saved: bool) -> None:
    agrees(COLLECTED, {"n": number(3), "x": some(2)}, saved=saved)


@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize("condition", [True, False])
def test_an_optional_leaves_a_branch_and_is_asked_for_its_value(condition: bool, saved: bool) -> None:
    x = some(3)
    result = translated(parsed(MAYBE), {"c": np.array(condition), "x": x}, saved=saved)
    assert result["present"] == condition
    np.testing.assert_array_equal(result["y"], 2 * x if condition else -x)
