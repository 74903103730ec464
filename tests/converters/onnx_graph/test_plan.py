"""Conversion plans: what becomes of each operator of a model."""

from __future__ import annotations

import onnx
import onnx_ir as ir

from modelport_converters.onnx_graph.plan import plan
from modelport_converters.onnx_graph.registry import Registry, Traits

MODEL = onnx.parser.parse_model(
    """<ir_version: 10, opset_import: ["": 20, "own": 1]>
    g (float[N,3] x, bool c) => (float[N,3] y) { [first] a = Relu (x)
        b = own.twice (a)
        d = HardSwish (b)
        y = If (c) <then_branch = t () => (float[N,3] p) { [deep] p = Erf (d) },
            else_branch = e () => (float[N,3] q) { [second] q = Relu (d) }> }
    <opset_import: ["": 20], domain: "own"> twice (x) => (y) { y = Add (x, x) }"""
)


def test_every_operator_is_planned_once_with_its_nodes_status_and_reason() -> None:
    registry = Registry("Target", Traits)
    registry.variadic(dict.fromkeys(("Relu", "If", "Add"), max))
    registry.refuse({"Erf": "there is no error function"})
    found = {item.operator: item for item in plan(ir.from_proto(MODEL), registry)}
    assert {name: item.status for name, item in found.items()} == {
        "Relu": "native", "twice": "inlined", "HardSwish": "inlined", "If": "native", "Erf": "unsupported", "Add": "native",
    }  # fmt: skip
    assert found["Relu"].nodes == ("first", "second")
    assert (found["Relu"].domain, found["Relu"].version) == ("ai.onnx", 14)
    assert (found["twice"].domain, found["twice"].version) == ("own", None)
    assert found["Erf"].reason == "there is no error function"
    assert found["HardSwish"].reason == ""
