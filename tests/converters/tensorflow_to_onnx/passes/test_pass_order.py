"""All passes together on one graph: each does its part, and the results stay."""

from drawn import floats
from onnx_passes import assert_unchanged

from modelport_converters.tensorflow_to_onnx.passes.pipeline import run_passes

WEIGHT = ", ".join(f"{index % 7 - 3}.0" for index in range(16))
GRAPH = f"""g (float[N,6,6,4] x) => (float[N,4] y) <float[4,4,1,1] w = {{{WEIGHT}}}, float[4] bias = {{1.0, 2.0, 3.0, 4.0}},
    int64[2] pixels = {{1, 2}}, int64[2] flat = {{-1, 4}}, int64[1] last = {{-1}}, float epsilon = {{0.001}},
    int64[8] pads = {{0, 0, 1, 1, 0, 0, 1, 1}}> {{
    x1 = Transpose <perm = [0, 3, 1, 2]> (x)
    c1 = Conv (x1, w)
    a1 = Transpose <perm = [0, 2, 3, 1]> (c1)
    b1 = Add (a1, bias)
    t1 = Transpose <perm = [0, 3, 1, 2]> (b1)
    p1 = Pad (t1, pads)
    m1 = MaxPool <kernel_shape = [3, 3]> (p1)
    c2 = Conv (m1, w)
    a2 = Transpose <perm = [0, 2, 3, 1]> (c2)
    mean = ReduceMean <keepdims = 0> (a2, pixels)
    row = Reshape (mean, flat)
    centre = ReduceMean <keepdims = 1> (row, last)
    off = Sub (row, centre)
    square = Mul (off, off)
    variance = ReduceMean <keepdims = 1> (square, last)
    shifted = Add (variance, epsilon)
    root = Sqrt (shifted)
    unit = Div (off, root)
    y = Mul (unit, bias)
}}"""


def test_every_pass_does_its_part():
    ops = assert_unchanged(GRAPH, run_passes, floats(2, 6, 6, 4), rtol=1e-3, atol=1e-4)
    assert ops["Transpose"] == 1
    assert ops["GlobalAveragePool"] == 1
    assert ops["LayerNormalization"] == 1
    assert ops["Max"] == 1  # between the padding and the pooling
    assert ops["Reshape"] + ops["Flatten"] == 1
    assert not ops["ReduceMean"]
