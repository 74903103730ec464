"""The traits of TensorFlow's operators: a misspelt one is an error when the module is imported."""

from __future__ import annotations

from typing import Any

import pytest

from modelport_converters.onnx_graph.registry import Registry
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, TensorFlowTraits


def relu(x: Any, slope: Any = None, *, axis: int = 0) -> Any:
    return x, slope, axis


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"layuot": LayoutRule.AXIS}, "the operator Relu has the unknown trait layuot; known: layout, lazy"),
        ({"layout": "elementwize"}, "the operator Relu: layout='elementwize' is no LayoutRule"),
        ({"lazy": ("w",)}, "the operator Relu: lazy names w, which is no parameter"),
    ],
)
def test_a_misspelt_trait_is_an_error_that_names_the_operator_and_the_trait(traits: Any, message: str) -> None:
    found = Registry("Target", TensorFlowTraits)
    with pytest.raises(ValueError, match=message):
        found.op("Relu", **traits)(relu)
    with pytest.raises(ValueError, match=message):
        found.variadic({"Relu": relu}, **traits)
    assert found.find("", "Relu") is None


def test_an_operator_without_traits_takes_its_inputs_channels_first() -> None:
    found = Registry("Target", TensorFlowTraits)
    found.op("Relu")(relu)
    op = found.find("", "Relu")
    assert op is not None
    assert op.traits == TensorFlowTraits(layout=LayoutRule.CHANNELS_FIRST, lazy=())
