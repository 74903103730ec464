"""If, Loop and Scan in TensorFlow, where ONNX's own suite does not go: dynamic sizes, nesting, captured values, SavedModels."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from tf_models import assert_same, by_onnxruntime, parsed, translated

from modelport.errors import UnsupportedOps

REPEATED = """g (int64 n, bool c, float[N,2] x) => (float[N,2] y, float[K,N,2] s) {
  y, s = Loop(n, c, x) <body = b (int64 i, bool keep, float[A,2] v) => (bool again, float[B,2] w, float[B,2] o) {
    step = Cast<to=1>(i)
    w = Add(v, step)
    o = Mul(w, x)
    again = Identity(keep) }> }"""

UNTIL = """g (float x) => (float y, float[K] s) {
  go = Constant<value = bool {1}>()
  y, s = Loop(, go, x) <body = b (int64 i, bool keep, float v) => (bool again, float w, float o) {
    w = Add(v, v)
    most = Constant<value = float {50.0}>()
    again = Less(w, most)
    o = Identity(v) }> }"""

GROWING = """g (int64 n, float[2,2] x) => (float[M,2] y) {
  go = Constant<value = bool {1}>()
  y = Loop(n, go, x) <body = b (int64 i, bool keep, float[A,2] v) => (bool again, float[B,2] w) {
    w = Concat<axis=0>(v, x)
    again = Identity(keep) }> }"""

NESTED = """g (int64 n, int64 m, float[N] x) => (float[N] y, float[K,L,N] s) {
  go = Constant<value = bool {1}>()
  y, s = Loop(n, go, x) <body = outer (int64 i, bool keep, float[N] v) => (bool again, float[N] w, float[L,N] o) {
    f = Cast<to=1>(i)
    w, o = Loop(m, go, v) <body = inner (int64 j, bool also, float[N] u) => (bool once, float[N] t, float[N] r) {
      once = Identity(also)
      h = Cast<to=1>(j)
      p = Mul(h, f)
      e = Add(u, p)
      t = Add(e, x)
      r = Sub(t, v) }>
    again = Identity(keep) }> }"""

CONVOLVED = """g (int64 n, float[N,2,6,6] x) => (float[N,3,6,6] y, float[K,N,3,6,6] s)
  <float[3,2,1,1] w = {0.5,-0.2,0.3,0.7,-0.4,0.1}, float[3,3,1,1] u = {0.2,-0.1,0.4,0.3,0.6,-0.5,0.1,0.2,-0.3}> {
  a = Conv(x, w)
  z = Relu(a)
  go = Constant<value = bool {1}>()
  y, s = Loop(n, go, z) <body = b (int64 i, bool keep, float[N,3,6,6] v) => (bool again, float[N,3,6,6] r, float[N,3,6,6] o) {
    d = Conv(v, u)
    e = Sigmoid(d)
    r = Add(e, z)
    o = Mul(r, a)
    again = Identity(keep) }> }"""

EITHER = """g (bool c, float[N,3] x) => (float[M,3] y, int64 z) {
  twice = Add(x, x)
  y, z = If(c) <
    then_branch = t () => (float[P,3] a, int64 one) { a = Concat<axis=0>(x, twice)
      one = Constant<value = int64 {1}>() },
    else_branch = e () => (float[P,3] b, int64 two) { b = Neg(twice)
      two = Constant<value = int64 {2}>() }> }"""

SCANNED = """g (float[N,2] h, float[N,T,3] x, float[T,N,2] u) => (float[N,2] y, float[N,T,2] s, float[T,N] r) {
  y, s, r = Scan<num_scan_inputs=2, scan_input_axes=[1,0], scan_input_directions=[1,0], scan_output_axes=[-2,0],
    scan_output_directions=[0,1],
    body = b (float[N,2] a, float[N,3] p, float[N,2] q) => (float[N,2] z, float[N,2] o, float[N] e) {
      last = Constant<value = int64[1] {1}>()
      m = ReduceMax(p, last)
      t = Mul(m, q)
      z = Add(a, t)
      o = Tanh(z)
      e = ReduceSum<keepdims=0>(z, last) }> (h, x, u) }"""

BATCHED = """g (float[B,2] h, float[B,T,2] x, float[B,T,2] u) => (float[B,2] y, float[B,T,2] s) {
  y, s = Scan<num_scan_inputs=2, directions=[1,0],
    body = b (float[2] a, float[2] p, float[2] q) => (float[2] w, float[2] o) {
      t = Mul(p, q)
      w = Add(a, t)
      o = Tanh(w) }> (, h, x, u) }"""


def some(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def number(value: Any) -> Any:
    return np.array(value, np.int64)


def agrees(text: str, inputs: dict[str, Any], *, opset: int = 21, **options: Any) -> None:
    model = parsed(text, opset=opset)
    assert_same(translated(model, inputs, **options), by_onnxruntime(model, inputs))


@pytest.mark.parametrize(("rounds", "start"), [(0, True), (1, True), (4, True), (4, False)])
def test_a_loop_runs_as_often_as_told_even_never(rounds: int, start: bool) -> None:
    agrees(REPEATED, {"n": number(rounds), "c": np.array(start), "x": some(3, 2)})


def test_a_loop_survives_being_saved() -> None:
    agrees(REPEATED, {"n": number(3), "c": np.array(True), "x": some(3, 2)}, saved=True)


def test_a_loop_without_a_trip_count_ends_by_its_condition() -> None:
    agrees(UNTIL, {"x": np.array(1.5, np.float32)})


def test_a_loop_without_a_condition_ignores_what_its_body_yields() -> None:
    text = REPEATED.replace("Loop(n, c, x)", "Loop(n, , x)").replace("again = Identity", "again = Not")
    x = some(3, 2)
    result = translated(parsed(text), {"n": number(3), "c": np.array(False), "x": x})
    np.testing.assert_allclose(result["y"], x + 0 + 1 + 2, rtol=1e-6)  # the schema: for (i = 0; i < n; ++i)


def test_a_loop_without_any_bound_is_refused_by_name() -> None:
    from modelport_converters.onnx_to_tensorflow import build

    text = REPEATED.replace("Loop(n, c, x)", "Loop( , , x)")
    with pytest.raises(UnsupportedOps, match="never ends"):
        build.build(ir.from_proto(parsed(text)))


def test_a_state_may_grow_from_round_to_round() -> None:
    agrees(GROWING, {"n": number(3), "x": some(2, 2)})


@pytest.mark.parametrize("inner", [0, 2])
def test_nested_loops_see_the_values_around_both(inner: int) -> None:
    agrees(NESTED, {"n": number(3), "m": number(inner), "x": some(4)})


@pytest.mark.parametrize("options", [{}, {"trainable": True, "saved": True}])
def test_a_loop_takes_channels_last_values_from_outside_and_holds_weights_of_its_own(options: dict[str, Any]) -> None:
    agrees(CONVOLVED, {"n": number(3), "x": some(2, 2, 6, 6)}, **options)


@pytest.mark.parametrize("condition", [True, False])
def test_the_branches_of_an_if_may_differ_in_shape(condition: bool) -> None:
    agrees(EITHER, {"c": np.array(condition), "x": some(2, 3)}, saved=True)


@pytest.mark.parametrize("saved", [False, True])
def test_a_scan_has_an_axis_and_a_direction_for_each_input_and_output(saved: bool) -> None:
    agrees(SCANNED, {"h": some(2, 2), "x": some(2, 5, 3), "u": some(5, 2, 2)}, saved=saved)


def test_a_scan_over_nothing_returns_the_states_and_empty_outputs() -> None:
    h = some(2, 2)
    result = translated(parsed(SCANNED), {"h": h, "x": some(2, 0, 3), "u": some(0, 2, 2)})
    np.testing.assert_array_equal(result["y"], h)  # ONNX Runtime 1.31 dies of a division by zero
    assert result["s"].shape[1] == 0
    assert result["r"].shape[0] == 0


def test_a_scan_of_opset_8_runs_through_each_item_of_a_batch() -> None:
    agrees(BATCHED, {"h": some(3, 2), "x": some(3, 4, 2), "u": some(3, 4, 2)}, opset=8)
