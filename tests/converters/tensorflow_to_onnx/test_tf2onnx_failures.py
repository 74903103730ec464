"""What tf2onnx leaves over or fails at is refused all at once, and its log stays off the terminal."""

import logging

import pytest
from onnx import helper

from modelport.errors import UnsupportedOps
from modelport_converters.tensorflow_to_onnx.tf2onnx_failures import collect_failures, refuse_unconverted


def test_failures_are_collected_with_reasons_and_nothing_is_printed(capsys):
    log = logging.getLogger("tf2onnx")
    before = log.level, log.propagate, log.handlers[:]
    with collect_failures() as failures:
        log.warning("a warning")
        for name, error in (("a/Cos", ValueError("make_sure failure: no rank\nmore")), ("b", KeyError())):
            try:
                raise error
            except Exception:
                log.exception("Failed to convert node %r (fct=%r)", name, None)
    assert failures == {"a/Cos": "no rank", "b": "KeyError()"}
    assert (log.level, log.propagate, log.handlers[:]) == before
    assert capsys.readouterr() == ("", "")


def test_every_node_that_is_no_operator_of_onnx_is_refused_with_those_that_failed():
    inner = helper.make_graph([helper.make_node("Igamma", ["a"], ["b"], name="deep")], "body", [], [])
    nodes = [
        helper.make_node("Relu", ["x"], ["y"], name="fine"), helper.make_node("Relu", ["x"], ["z"], name="other", domain="own"),
        helper.make_node("If", ["c"], ["d"], name="choice", then_branch=inner, else_branch=inner),
        helper.make_node("ImmutableConst", [], ["w"], name="weight", domain="modelport.weights"),
    ]  # fmt: skip
    model = helper.make_model(helper.make_graph(nodes, "g", [], []), opset_imports=[helper.make_opsetid("", 18)])
    with pytest.raises(UnsupportedOps) as raised:
        refuse_unconverted(model, {"failed": "no rank"})
    text = str(raised.value)
    assert all(name in text for name in ("'deep'", "'other'", "'failed': no rank"))
    assert not any(name in text for name in ("'fine'", "'choice'", "'weight'"))


def test_a_model_of_onnxs_operators_passes():
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [], [])
    refuse_unconverted(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), {})
