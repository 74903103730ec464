"""Constant folding: what depends on constants only is computed while a model is prepared."""

from __future__ import annotations

from onnx import numpy_helper
from prepared_models import floats, operators, prepared
from tf_models import assert_same, by_reference, parsed


def test_what_depends_on_constants_only_is_computed_now_and_dead_ends_are_dropped() -> None:
    model = parsed(
        "g (float[N,6] x) => (float[N,2,3] y) {"
        " a = Constant <value_ints=[1,1,2]> ()\n b = Constant <value_ints=[-1,1,1]> ()\n c = Constant <value_ints=[0,1,2]> ()\n"
        " d = Mul (a, b)\n s = Add (d, c)\n dead = Relu (x)\n t = Constant <value_ints=[0,2,3]> ()\n"
        " u = Sub (s, s)\n v = Add (u, t)\n y = Reshape (x, v) }"
    )
    result = prepared(model)
    assert operators(result) == ["Reshape"]
    assert numpy_helper.to_array(next(t for t in result.graph.initializer if t.name == "v")).tolist() == [0, 2, 3]
    assert_same(by_reference(result, {"x": floats(2, 6)}), by_reference(model, {"x": floats(2, 6)}))


def test_random_numbers_are_not_drawn_now() -> None:
    model = parsed("g (float[N] x) => (float[N] y) { r = RandomNormal <shape=[1]> ()\n y = Add (x, r) }")
    assert operators(prepared(model)) == ["RandomNormal", "Add"]
