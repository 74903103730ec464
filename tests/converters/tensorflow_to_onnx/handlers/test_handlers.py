"""Handlers of TensorFlow operators that Keras's layers need, each against TensorFlow itself."""

import numpy as np
import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import assert_same

from modelport.errors import UnsupportedOps
from modelport.signature import TensorSpec
from modelport_converters.tensorflow_to_onnx.export import export
from modelport_converters.tensorflow_to_onnx.handler import NEWEST_OPSET


def agrees(call, *arrays, opset=NEWEST_OPSET, open_axes=None, tolerance=1e-5):
    """Compare a function of one result with TensorFlow, and return the operators of its ONNX form."""
    model = assert_same(
        lambda *tensors: [call(*tensors)], *arrays, opset=opset, open_axes=open_axes, rtol=tolerance, atol=tolerance
    )
    return [node.op_type for node in model.graph.node]


# --- selection -----------------------------------------------------------------------------------


@pytest.mark.parametrize("opset", [13, NEWEST_OPSET])
def test_what_is_not_chosen_may_be_infinite_or_not_a_number(opset):
    x = np.array([[-1.0, 0.0, 2.0], [np.inf, -np.inf, np.nan]], "float32")
    agrees(lambda value: tf.where(value > 0, tf.math.log(value), -1.0), x, opset=opset)
    agrees(lambda value: tf.where(value == 0, 0.0, 1 / value), x, opset=opset)


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float64"]
)
def test_values_of_every_type_are_chosen_between(dtype):
    x, y = (np.arange(6).reshape(2, 3) * 37 % 101).astype(dtype), np.ones((2, 3), dtype)
    if dtype in ("int64", "uint64"):
        x = x + np.array(2**60 + 1, dtype)  # not in float64
    agrees(tf.where, np.array([[True, False, True], [False, False, True]]), x, y)


def test_a_condition_is_broadcast():
    agrees(tf.where, np.array([[True], [False]]), floats(3), floats(2, 3))


def test_the_condition_of_the_older_operator_chooses_rows():
    condition = np.array([True, False, True])
    for x, y in ((floats(3, 2, 4), -floats(3, 2, 4)), (floats(3), -floats(3))):
        agrees(lambda c, a, b: tf.raw_ops.Select(condition=c, x=a, y=b), condition, x, y)
    agrees(
        lambda c, a, b: tf.raw_ops.Select(condition=c, x=a, y=b),
        np.array([[True, False]] * 3),
        floats(3, 2),
        -floats(3, 2),
    )


# --- elementwise ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 1e-3), ("float32", 1e-6), ("float64", 1e-14)])
def test_logarithms_are_as_precise_as_their_type(dtype, tolerance):
    agrees(tf.math.log, np.linspace(0.1, 50, 30).astype(dtype).reshape(5, 6), tolerance=tolerance)


# --- convolution ---------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_three_dimensional_convolutions_have_groups(groups, padding):
    kernel = tf.constant(floats(2, 3, 2, 4 // groups, 8))
    compiled = tf.function(lambda x: tf.nn.conv3d(x, kernel, [1, 2, 2, 2, 1], padding), jit_compile=True)
    agrees(compiled, floats(2, 5, 6, 7, 4), open_axes=())


def test_the_groups_of_a_kernel_that_is_an_input_are_seen():
    compiled = tf.function(lambda x, kernel: tf.nn.conv3d(x, kernel, [1] * 5, "SAME"), jit_compile=True)
    agrees(compiled, floats(2, 5, 4, 3, 4), floats(3, 3, 3, 2, 6), open_axes=())


# --- einsum --------------------------------------------------------------------------------------

# equation, sizes of its labels, open axes, operators
PRODUCTS = {
    "a projection into heads": ("abc,cde->abde", "a2 b3 c4 d2 e5", (0, 1), ["Reshape", "MatMul", "Reshape"]),
    "a projection of heads": ("abcd,cde->abe", "a2 b3 c4 d2 e5", (0, 1), ["Reshape", "Reshape", "MatMul"]),
    "scores of attention": ("aecd,abcd->acbe", "a2 b3 c4 d5 e6", (0, 1), ["Transpose", "Transpose", "MatMul"]),
    "its values": ("acbe,aecd->abcd", "a2 b3 c4 d5 e6", (0, 1), ["Transpose", "MatMul", "Transpose"]),
    "attention over two axes": ("abcde,afgde->adbcfg", "a2 b3 c2 d2 e4 f3 g5", (0,), None),
    "the kernel first": ("cd,abc->abd", "a2 b3 c4 d5", (), ["MatMul"]),
    "matrices of open sizes": ("ab,bc->ac", "a2 b3 c4", None, ["MatMul"]),
    "a transposed factor": ("ab,cb->ca", "a2 b3 c4", None, None),
    "a batch": ("bij,bjk->bik", "b2 i3 j4 k5", None, ["MatMul"]),
    "dots": ("...x,xy->...y", "x4 y5", None, ["MatMul"]),
    "sums over two": ("abcd,cdb->ab", "a2 b3 c4 d5", (0,), None),
    "capital letters": ("aA,Ab->ab", "a2 A3 b4", None, ["MatMul"]),
    # no product of matrices
    "an outer product": ("a,b->ab", "a2 b3", None, None),
    "a sum of one factor": ("ab,bc->c", "a2 b3 c4", None, None),
    "a product element by element": ("ab,ab->ab", "a2 b3", None, None),
    "two open axes in one": ("abcd,acde->abe", "a2 b3 c4 d5 e6", None, None),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_sums_of_products_agree(name):
    equation, listed, open_axes, wanted = PRODUCTS[name]
    sizes = {item[0]: int(item[1:]) for item in listed.split()}
    terms = [term.replace("...", "") for term in equation.partition("->")[0].split(",")]
    arrays = [floats(*((2, 3) if "..." in equation and term == "x" else ()), *map(sizes.get, term)) for term in terms]
    operators = agrees(lambda *factors: tf.einsum(equation, *factors), *arrays, open_axes=open_axes)
    if wanted is not None:
        assert [kind for kind in operators if kind != "Identity"] == wanted


# --- dense ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("open_axes", [(), (0,), (0, 1), None])
@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 5, 4)])
def test_a_sequence_is_multiplied_as_it_is(shape, open_axes):
    kernel = tf.constant(floats(4, 6))
    open_axes = range(len(shape) - 1) if open_axes is None else open_axes
    operators = agrees(lambda x: tf.tensordot(x, kernel, 1), floats(*shape), open_axes=open_axes)
    assert [kind for kind in operators if kind != "Identity"] == ["MatMul"]


def test_a_product_that_is_reshaped_otherwise_is_left_alone():
    kernel = tf.constant(floats(4, 6))

    def swapped(x):
        size = tf.shape(x)
        flat = tf.reshape(x, [-1, 4]) @ kernel
        return tf.reshape(flat, tf.concat([tf.gather(size, [1, 0]), [6]], 0))

    def longer(x):
        return tf.reshape(tf.reshape(x, [-1, 4]) @ kernel, tf.concat([tf.shape(x)[:2], [1, 6]], 0))

    agrees(swapped, floats(2, 3, 4), open_axes=(0, 1))
    agrees(longer, floats(2, 3, 4), open_axes=(0, 1))
    agrees(lambda x: tf.reshape(tf.reshape(x, [-1, 4]) @ kernel, [-1, 2, 6]), floats(2, 3, 4), open_axes=(0, 1))
    agrees(lambda x: tf.tensordot(x, kernel, [[1], [0]]), floats(2, 4, 3), open_axes=(0, 2))


# --- refusals ------------------------------------------------------------------------------------


def test_a_compiled_jax_function_is_refused_by_name():
    from tensorflow.compiler.tf2xla.ops import gen_xla_ops

    def call(x):
        keywords = {"version": 9, "module": b"", "Sout": [(None, 4)], "Tout": ["float32"], "platforms": ["CPU"]}
        return gen_xla_ops.xla_call_module([x], **keywords)

    port, owner = TensorSpec("x", "float32", ("N", 4)), tf.Module()
    with pytest.raises(UnsupportedOps, match=r"XlaCallModule, node .*: runs a compiled JAX function"):
        export(call, [port], [port], opset=NEWEST_OPSET, owner=owner)
