"""Operators of opset 20 move to the default domain of a model at that opset, and what changed until then with it."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, parser

from modelport.errors import UnsupportedOps
from modelport_converters.onnx_builder import Graph
from modelport_converters.tensorflow_to_onnx.newer_opset import OPSET, newer, settled

HEAD = '<ir_version: 8, opset_import: ["" : 18, "modelport.newer" : 1]>'


def parsed(body):
    return parser.parse_model(f"{HEAD} {body}")


SPLIT = """g (string[N] x, float[1,8,1] s, float[1,1,4,4] i, float[1,2,2,2] at)
    => (string[N,M] y, float[1,8,2] f, float[1,1,2,2] o) {
    y, count = modelport.newer.StringSplit <delimiter = ","> (x)
    f = DFT <axis = 1> (s)
    o = GridSample <mode = "bilinear"> (i, at)
}"""


def test_the_model_is_valid_at_opset_20_and_computes_what_it_did():
    after = settled(parsed(SPLIT), OPSET)
    assert {node.domain for node in after.graph.node} == {""}
    assert [entry.version for entry in after.opset_import if entry.domain == ""] == [OPSET]
    session = onnxruntime.InferenceSession(after.SerializeToString())
    signal = np.arange(8, dtype=np.float32).reshape(1, 8, 1)
    image, places = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4), np.zeros((1, 2, 2, 2), np.float32)
    texts, spectrum, sampled = session.run(
        None, {"x": np.array(["a,b", "c"], object), "s": signal, "i": image, "at": places}
    )
    assert texts.tolist() == [["a", "b"], ["c", ""]]
    reference = np.fft.fft(signal[0, :, 0])
    np.testing.assert_allclose(spectrum[0], np.stack([reference.real, reference.imag], -1), atol=1e-5)
    np.testing.assert_allclose(sampled, np.full((1, 1, 2, 2), 7.5))


def test_a_model_without_such_operators_stays_as_it_is():
    model = parsed("g (float[N] x) => (float[N] y) { y = Relu (x) }")
    before = onnx.ModelProto.FromString(model.SerializeToString())
    assert settled(model, 13) == before


def test_a_lower_opset_is_refused_with_the_nodes_in_bodies_too():
    node = helper.make_node("StringConcat", ["x", "x"], ["z"], name="deep", domain="modelport.newer")
    inner = helper.make_graph([node], "b", [], [])
    model = parsed("g (string[N] x) => (string[N] y) { y = Identity (x) }")
    model.graph.node.append(helper.make_node("If", ["c"], ["d"], then_branch=inner, else_branch=inner))
    with pytest.raises(UnsupportedOps, match="--opset 20") as raised:
        settled(model, OPSET - 1)
    assert "'deep'" in str(raised.value)


def test_outputs_have_the_dtypes_that_are_named():
    graph = Graph(18)
    x = graph.input("x", "string")
    words, counts = newer("StringSplit", x, dtypes=[None, "int64"], delimiter=" ")
    assert (words.dtype, counts.dtype) == (np.dtype(object), np.dtype("int64"))
    assert graph.nodes[-1].domain == "modelport.newer"
