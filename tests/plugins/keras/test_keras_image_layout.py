"""Channels-first image inputs (-O inputs_layout=nchw), and how few transpositions are left in the graph."""

import keras
import numpy as np
import onnxruntime
import pytest
from drawn import floats
from keras import layers, ops
from keras_warnings import ARRAYS

import modelport
from modelport import errors

pytestmark = ARRAYS

CHANNELS_FIRST = {"inputs_layout": "nchw"}


def converted(model, **given):
    """Convert, prove, and return the ONNX model with its declared inputs as text."""
    conversion = modelport.convert(model, to="onnx", proof_seconds=0, **given)
    assert conversion.report.verdict == "proven"
    return conversion.model, conversion.report.inputs


def transposes(proto):
    return sum(node.op_type == "Transpose" for node in proto.graph.node)


def classifier(dims=2, size=(12, 10), rescaled=True):
    """Return a small network with preprocessing inside, which stands before the first convolution."""
    convolution = {1: layers.Conv1D, 2: layers.Conv2D, 3: layers.Conv3D}[dims]
    pooling = {1: layers.GlobalMaxPooling1D, 2: layers.GlobalMaxPooling2D, 3: layers.GlobalMaxPooling3D}[dims]
    x = inputs = keras.Input((*size, 3), name="image")
    if rescaled:
        x = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0])(layers.Rescaling(2.0, offset=-1.0)(x))
    return keras.Model(inputs, layers.Dense(4, name="y")(pooling()(convolution(5, 3, activation="relu")(x))))


def first(array):
    return np.moveaxis(array, -1, 1)


@pytest.mark.parametrize("rescaled", [False, True])
def test_an_image_is_declared_channels_first_and_no_transposition_is_left(rescaled):
    model, array = classifier(rescaled=rescaled), floats(2, 12, 10, 3)
    proto, declared = converted(model, options=CHANNELS_FIRST)
    assert declared == ["image:float32[N,3,12,10]"]
    assert [dim.dim_value for dim in proto.graph.input[0].type.tensor_type.shape.dim[1:]] == [3, 12, 10]
    assert transposes(proto) == 0
    (result,) = onnxruntime.InferenceSession(proto.SerializeToString()).run(None, {"image": first(array)})
    np.testing.assert_allclose(result, np.asarray(model(array, training=False)), rtol=1e-4, atol=1e-5)


def test_left_alone_an_image_is_declared_as_the_model_takes_it():
    proto, declared = converted(classifier())
    assert declared == ["image:float32[N,12,10,3]"]
    assert transposes(proto) == 1


def test_volumes_are_turned_and_sequences_are_not():
    proto, declared = converted(classifier(dims=3, size=(6, 5, 7)), options=CHANNELS_FIRST)
    assert declared == ["image:float32[N,3,6,5,7]"]
    assert transposes(proto) == 0
    _, declared = converted(classifier(dims=1, size=(9,)), options=CHANNELS_FIRST)
    assert declared == ["image:float32[N,9,3]"]


def test_open_sizes_keep_their_names_at_their_new_place():
    model = classifier(size=(None, None))
    _, declared = converted(model, options=CHANNELS_FIRST)
    assert declared == ["image:float32[N,3,image_1,image_2]"]
    _, declared = converted(model, options=CHANNELS_FIRST, inputs=["image:float32[B,3,H=16,W=12]"])
    assert declared == ["image:float32[B,3,H,W]"]


def test_only_the_image_among_several_inputs_is_turned():
    picture, row = keras.Input((8, 6, 3), name="picture"), keras.Input((5,), name="row")
    joined = layers.Concatenate()([layers.Flatten()(layers.Conv2D(2, 3)(picture)), row])
    _, declared = converted(
        keras.Model({"picture": picture, "row": row}, layers.Dense(2)(joined)), options=CHANNELS_FIRST
    )
    assert declared == ["picture:float32[N,3,8,6]", "row:float32[N,5]"]


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.convolution = layers.Conv2D(4, 3)

    def call(self, x):
        return ops.max(self.convolution(x), axis=(1, 2))


def test_a_subclassed_model_takes_the_declared_layout_from_the_user():
    given = ["x:float32[N,3,8,6]"]
    proto, declared = converted(Subclassed(), options=CHANNELS_FIRST, inputs=given)
    assert (declared, transposes(proto)) == (given, 0)
    model = Subclassed()
    model(floats(1, 8, 6, 3))
    _, declared = converted(model, options=CHANNELS_FIRST, inputs=given)
    assert declared == given


def test_the_users_samples_have_the_declared_layout():
    array = floats(4, 12, 10, 3)
    converted(classifier(), options=CHANNELS_FIRST, samples=first(array))
    with pytest.raises(errors.ModelportError, match="image"):
        converted(classifier(), options=CHANNELS_FIRST, samples=array)


def test_a_layout_that_does_not_exist_is_refused():
    with pytest.raises(errors.InvalidOption, match="nchw"):
        converted(classifier(), options={"inputs_layout": "channels_first"})


# --- transpositions ------------------------------------------------------------------------------


def convolved(x, filters=6):
    return layers.Conv2D(filters, 3, padding="same")(x)


def squeezed_and_excited(x):
    weights = layers.Dense(6, activation="sigmoid")(
        layers.Dense(2, activation="relu")(layers.GlobalAveragePooling2D()(x))
    )
    return layers.Multiply()([x, layers.Reshape((1, 1, 6))(weights)])


def halves_exchanged(x):
    return ops.concatenate(ops.split(x, 2, axis=-1)[::-1], axis=-1)


BETWEEN_CONVOLUTIONS = {
    "pad and crop": lambda x: layers.Cropping2D(1)(layers.ZeroPadding2D((2, 3))(x)),
    "concatenate": lambda x: layers.Concatenate()([x, layers.MaxPooling2D(3, 1, "same")(x)]),
    "resize": layers.UpSampling2D(2, interpolation="bilinear"),
    "softmax": layers.Softmax(),
    "keepdims": lambda x: x * layers.GlobalMaxPooling2D(keepdims=True)(x),
    "squeeze and excite": squeezed_and_excited,
    "split": halves_exchanged,
    "where": lambda x: ops.where(x > 0, convolved(x), x),
    "gelu beside silu": lambda x: layers.Average()(
        [layers.Activation("gelu")(x), layers.Activation("silu")(convolved(x))]
    ),
    "normalize": layers.LayerNormalization(),
}


@pytest.mark.parametrize("name", BETWEEN_CONVOLUTIONS)
def test_nothing_is_transposed_between_convolutions(name):
    x = keras.Input((16, 10, 6), name="x")
    model = keras.Model(x, convolved(BETWEEN_CONVOLUTIONS[name](convolved(x))))
    proto, _ = converted(model)
    assert transposes(proto) == 2  # of the input and of the output, which are channels-last
    proto, _ = converted(model, options=CHANNELS_FIRST)
    assert transposes(proto) == 1


@pytest.mark.parametrize("head", [layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D])
def test_the_pooling_before_the_head_needs_no_transposition(head):
    x = keras.Input((16, 10, 6), name="x")
    proto, _ = converted(keras.Model(x, layers.Dense(3)(head()(layers.ReLU()(convolved(x))))))
    assert transposes(proto) == 1


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("size", [(16, 10), (None, None)])
@pytest.mark.parametrize("opset", [13, 18])
def test_the_mean_over_the_pixels_has_onnxs_own_name(keepdims, size, opset):
    x = keras.Input((*size, 6), name="x")
    model = keras.Model(x, layers.GlobalAveragePooling2D(keepdims=keepdims)(layers.ReLU()(convolved(x))))
    proto, _ = converted(model, opset=opset, options=CHANNELS_FIRST)
    kinds = [node.op_type for node in proto.graph.node]
    assert "GlobalAveragePool" in kinds
    assert "ReduceMean" not in kinds
    used = {name for node in proto.graph.node for name in node.input}
    assert {tensor.name for tensor in proto.graph.initializer} <= used  # the axes are gone with the reduction


@pytest.mark.parametrize("size", [(16, 10), (None, None)])
def test_nothing_is_reshaped_in_squeeze_and_excite_by_convolutions(size):
    x = keras.Input((*size, 6), name="x")
    y = convolved(x)
    weights = layers.Reshape((1, 1, 6))(layers.GlobalAveragePooling2D()(y))
    weights = layers.Conv2D(6, 1, activation="sigmoid")(layers.Conv2D(2, 1, activation="relu")(weights))
    proto, _ = converted(keras.Model(x, convolved(y * weights)), options=CHANNELS_FIRST)
    assert not {node.op_type for node in proto.graph.node} & {"Reshape", "Flatten", "Squeeze"}


def test_reshapes_that_follow_each_other_or_change_nothing():
    x = keras.Input((6,), name="x")
    open_size = keras.Input((None,), name="y")
    several = ops.reshape(ops.relu(ops.reshape(ops.reshape(x, (-1, 2, 3)), (-1, 3, 2))), (-1, 3, 2))
    one = ops.reshape(ops.reshape(open_size, (-1, 4)), (-1, 2))
    proto, _ = converted(keras.Model([x, open_size], [several, one]))
    assert sum(node.op_type == "Reshape" for node in proto.graph.node) == 2


@pytest.mark.parametrize("axes", [(1,), (1, 2, 3), (3,)])
def test_other_means_are_reductions(axes):
    x = keras.Input((16, 10, 6), name="x")
    proto, _ = converted(keras.Model(x, ops.mean(convolved(x), axes)))
    assert "GlobalAveragePool" not in [node.op_type for node in proto.graph.node]


def test_the_mean_over_the_pixels_of_float64_is_a_reduction_which_onnx_runtime_can_compute():
    x = keras.Input((16, 10, 6), name="x", dtype="float64")
    proto, _ = converted(keras.Model(x, layers.GlobalAveragePooling2D(dtype="float64")(x)))
    assert "GlobalAveragePool" not in [node.op_type for node in proto.graph.node]


def test_zeros_around_negative_values_count_in_a_maximum():
    x = keras.Input((9, 8, 3), name="x")
    padded = layers.ZeroPadding2D(1)(layers.Rescaling(-1.0, offset=-9.0)(convolved(x, 3)))
    model, array = keras.Model(x, layers.MaxPooling2D(3, 2)(padded)), floats(2, 9, 8, 3)
    assert np.asarray(model(array)).max() == 0  # at the border; inside all is negative
    converted(model)


def test_a_tensor_beside_its_own_transposed_form_is_computed_right():
    x = keras.Input((8, 8, 8), name="x")
    y = convolved(x, 8)
    turned = ops.relu(y) + ops.transpose(y, (0, 3, 1, 2)) * ops.transpose(y, (0, 2, 3, 1))
    converted(keras.Model(x, convolved(turned, 3)))


def test_resnet50_keeps_one_transposition_and_none_for_channels_first_inputs():
    model = keras.applications.ResNet50(weights=None, input_shape=(64, 64, 3), classes=10)
    for options, left in (({}, 1), (CHANNELS_FIRST, 0)):
        proto = modelport.convert(model, to="onnx", verify=False, options=options).model
        assert transposes(proto) == left
