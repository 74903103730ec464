"""A step that is read as an ONNX cell computes what ONNX's operator computes with the cell's weights."""

import numpy as np
import onnx_ir as ir
import pytest
from drawn import floats
from onnx import helper, numpy_helper
from onnx_passes import model_of, run

from modelport_converters.tensorflow_to_onnx.passes.recurrent_cells import H, Reader, Unrecognized, X, cell_of
from modelport_converters.tensorflow_to_onnx.passes.symbolic_shapes import Sizes

FEATURES, UNITS = 4, 3
ARRAYS = {
    "w": floats(FEATURES, 3 * UNITS, seed=1), "r": floats(UNITS, 3 * UNITS, seed=2), "b": floats(3 * UNITS, seed=3),
    "c": floats(3 * UNITS, seed=4), "one": np.float32(1), "k": floats(FEATURES, UNITS, seed=5),
    "q": floats(UNITS, UNITS, seed=6), "d": floats(UNITS, seed=7), "parts": np.full(3, UNITS), "two": np.float32(2),
}  # fmt: skip

SIMPLE = "xk = MatMul (x, k) xd = Add (xk, d) hq = MatMul (h, q) s = Add (hq, xd) y = {} (s)"
GATES = """xw = MatMul (x, w) xb = Add (xw, b) hr = MatMul (h, r) hc = Add (hr, c) xz, xr, xn = Split <axis = 1> (xb, parts)
    hz, hg, hn = Split <axis = -1> (hc, parts) sz = Add (xz, hz) z = Sigmoid (sz) sr = Add (hg, xr) g = Sigmoid (sr) """
AFTER = "gn = Mul (g, hn) sn = Add (xn, gn) n = Tanh (sn) "
BEFORE = """rz, rr, rn = Split <axis = -1> (r, parts) cz, cr, cn = Split <axis = -1> (c, parts) gh = Mul (g, h)
    gn = MatMul (gh, rn) gc = Add (gn, cn) sn = Add (xn, gc) n = Tanh (sn) """
MIXED = "zh = Mul (z, h) rest = Sub (one, z) fresh = Mul (rest, n) y = Add (zh, fresh)"
CELLS = {
    "rnn": (SIMPLE.format("Tanh"), ("RNN", ("Tanh",), False)),
    "rnn with relu": (SIMPLE.format("Relu"), ("RNN", ("Relu",), False)),
    "rnn as a gemm": (
        "xd = Gemm (x, k, d) hq = MatMul (h, q) s = Add (xd, hq) y = Tanh (s)",
        ("RNN", ("Tanh",), False),
    ),
    "gru, reset after": (GATES + AFTER + MIXED, ("GRU", ("Sigmoid", "Tanh"), True)),
    "gru, reset before": (GATES + BEFORE + MIXED, ("GRU", ("Sigmoid", "Tanh"), False)),
}
NONE = {
    "a state that is doubled": CELLS["gru, reset after"][0].replace("Sub (one, z)", "Sub (one, g)"),
    "gates exchanged": CELLS["gru, reset after"][0].replace("zh = Mul (z, h)", "zh = Mul (g, h)"),
    "no recurrence": "xd = Gemm (x, k, d) y = Tanh (xd)",
    "the activation twice": SIMPLE.format("Tanh").replace("y = Tanh (s)", "t = Tanh (s) y = Tanh (t)"),
}
UNREAD = {
    "another activation": SIMPLE.format("Sin"),
    "a number that is not one": CELLS["gru, reset after"][0].replace("Sub (one, z)", "Sub (two, z)"),
    "a product with itself": "hq = MatMul (h, q) y = MatMul (q, hq)",
}


def step(body):
    """Return the step as a model, and the formula of its result."""
    used = {name: array for name, array in ARRAYS.items() if f"{name})" in body or f"{name}," in body}
    given = "".join(_declared(used))
    text = f"g (float[N,{FEATURES}] x, float[N,{UNITS}] h{given}) => (float[N,{UNITS}] y) {{ {body} }}"
    proto = model_of(text.replace(") ", ")\n"))
    for value in list(proto.graph.input[2:]):
        proto.graph.input.remove(value)
        proto.graph.initializer.append(numpy_helper.from_array(np.asarray(used[value.name]), value.name))
    graph = ir.from_proto(proto).graph
    reader = Reader(dict(zip(graph.inputs, (X, H), strict=True)), Sizes())
    return proto, lambda: reader.read(graph.outputs[0])


def _declared(arrays):
    for name, array in arrays.items():
        kind = "int64" if array.dtype.kind == "i" else "float"
        yield f", {kind}{list(array.shape) if array.ndim else ''} {name}"


def operator(cell):
    """Return a model of ONNX's operator with the weights of a cell, of one step [1, batch, features]."""

    def array(weights):
        return weights.value.const_value.numpy()[..., weights.start : weights.stop]

    given = [np.zeros(cell.kernel.shape[1], np.float32) if bias is None else array(bias) for bias in cell.biases]
    inner = {"W": array(cell.kernel).T[None], "R": array(cell.recurrent).T[None], "B": np.concatenate(given)[None]}
    attributes = {"activations": list(cell.activations), "hidden_size": cell.units}
    if cell.op == "GRU":
        attributes["linear_before_reset"] = int(cell.after)
    node = helper.make_node(cell.op, ["x", *inner, "", "h"], ["", "y"], **attributes)
    sizes = {"x": FEATURES, "h": UNITS, "y": UNITS}
    values = [helper.make_tensor_value_info(name, 1, [1, None, size]) for name, size in sizes.items()]
    tensors = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in inner.items()]
    graph = helper.make_graph([node], "g", values[:2], values[2:], tensors)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_of_onnx_is_recognized_with_its_weights(name):
    body, expected = CELLS[name]
    proto, formula = step(body)
    cell = cell_of(formula())
    assert (cell.op, cell.activations, cell.after, cell.units) == (*expected, UNITS)
    x, h = floats(2, FEATURES, seed=8), floats(2, UNITS, seed=9)
    np.testing.assert_allclose(run(operator(cell), x[None], h[None])[0][0], run(proto, x, h)[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NONE)
def test_another_formula_is_no_cell(name):
    assert cell_of(step(NONE[name])[1]()) is None


@pytest.mark.parametrize("name", UNREAD)
def test_what_has_no_formula_is_told(name):
    with pytest.raises(Unrecognized):
        step(UNREAD[name])[1]()
