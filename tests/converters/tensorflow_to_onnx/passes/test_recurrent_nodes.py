"""A GRU or RNN in the place of a Loop computes what the Loop computed."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from drawn import floats
from onnx import numpy_helper
from onnx_ir.passes.common import RemoveUnusedNodesPass
from onnx_passes import inferred, model_of, run

from modelport_converters.tensorflow_to_onnx.lazy_tensors import lazy
from modelport_converters.tensorflow_to_onnx.passes.recurrent_cells import Cell, Weights
from modelport_converters.tensorflow_to_onnx.passes.recurrent_nodes import Recurrence, Writer

FEATURES, UNITS = 4, 3
ARRAYS = {"k": floats(FEATURES, UNITS, seed=1), "q": floats(UNITS, UNITS, seed=2), "b": floats(UNITS, seed=3)}
LOOP = f"""g (float[T,N,{FEATURES}] x, float[N,{UNITS}] h, int64 count, bool go, float[{FEATURES},{UNITS}] k,
    float[{UNITS},{UNITS}] q, float[{UNITS}] b) => (float[N,{UNITS}] last, float[T,N,{UNITS}] all) {{
    last, all = Loop (count, go, h) <body = step (int64 i, bool c, float[N,{UNITS}] s)
            => (bool c2, float[N,{UNITS}] new, float[N,{UNITS}] kept) {{
        c2 = Identity (c)
        at = Gather (x, i)
        xk = MatMul (at, k)
        xb = Add (xk, b)
        sq = MatMul (s, q)
        sum = Add (xb, sq)
        new = Tanh (sum)
        kept = Identity (new)
    }}>
}}"""


def loop_model():
    proto = model_of(LOOP)
    for value in list(proto.graph.input[4:]):
        proto.graph.input.remove(value)
        proto.graph.initializer.append(numpy_helper.from_array(ARRAYS[value.name], value.name))
    return proto


def replaced(lazily=False, bias=True):
    """Return the model with its loop, and the one without; weights are lazy on demand."""
    before = loop_model()
    if not bias:
        before.graph.initializer[2].CopyFrom(numpy_helper.from_array(np.zeros(UNITS, np.float32), "b"))
    model = inferred(before)
    if lazily:
        for name, array in ARRAYS.items():
            model.graph.initializers[name].const_value = lazy(
                name, lambda array=array: array, ir.DataType.FLOAT, array.shape
            )
    values = model.graph.initializers
    k, q, b = (Weights(values[name], None, 0, UNITS) for name in "kqb")
    cell = Cell("RNN", ("Tanh",), False, k, q, (b if bias else None, None), UNITS)
    loop = next(node for node in model.graph if node.op_type == "Loop")
    given = dict(zip(("last", "all"), loop.outputs, strict=True))
    Writer(model.graph).replace(loop, Recurrence(cell, *model.graph.inputs[:2], "T", "N", given["last"], given["all"]))
    RemoveUnusedNodesPass()(model)
    return before, model


@pytest.mark.parametrize("lazily", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_the_states_are_those_of_the_loop(lazily, bias):
    before, model = replaced(lazily, bias=bias)
    after = ir.to_proto(model)
    onnx.checker.check_model(after, full_check=True)
    assert [node.op_type for node in model.graph if node.op_type in ("RNN", "Loop")] == ["RNN"]
    for steps, batch in ((1, 1), (5, 2)):
        given = [floats(steps, batch, FEATURES), floats(batch, UNITS, seed=4), np.array(steps), np.array(True)]
        for result, expected in zip(run(after, *given), run(before, *given), strict=True):
            assert result.shape == expected.shape
            np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


def test_lazy_weights_are_rearranged_when_they_are_read():
    _, model = replaced(lazily=True)
    lazies = [value for value in model.graph.initializers.values() if value.uses() and value.dtype == ir.DataType.FLOAT]
    assert {tuple(value.shape.numpy()) for value in lazies} == {(1, UNITS, FEATURES), (1, UNITS, UNITS), (1, 2 * UNITS)}
    assert all(isinstance(value.const_value, ir.LazyTensor) for value in lazies)


def test_the_sizes_of_the_states_are_told():
    _, model = replaced()
    assert [str(value.shape) for value in model.graph.outputs] == [f"[N,{UNITS}]", f"[T,N,{UNITS}]"]
