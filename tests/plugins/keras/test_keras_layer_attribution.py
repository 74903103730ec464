"""Operators without an ONNX form, blamed on the layers that they come from."""

from __future__ import annotations

from typing import Any

import keras
import pytest
import tensorflow as tf
from keras import layers
from plugin_case import converted, options

from modelport import errors
from modelport.plugins import registry

special = tf.math.special

pytestmark = pytest.mark.usefixtures("numbered_anew")


def refusal(model: Any) -> errors.UnsupportedOps:
    """Export a model that cannot be exported, and return the error."""
    plugin = registry().get("keras")
    with pytest.raises(errors.UnsupportedOps) as caught:
        converted(plugin, model, options(plugin))
    return caught.value


def blamed(error: errors.UnsupportedOps) -> list[tuple[str, str]]:
    """Return the operator and the layer of every line, in order of the layers."""
    lines = [line.partition(": ") for line in error.ops]
    return sorted((rest.partition(",")[0], layer) for layer, _, rest in lines)


class Bessel(layers.Layer):
    def call(self, x: Any) -> Any:
        return special.bessel_i0(x)


class Block(layers.Layer):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.inside = [layers.Dense(3, name="narrow"), Bessel(name="curved")]

    def call(self, x: Any) -> Any:
        for layer in self.inside:
            x = layer(x)
        return special.bessel_j0(x)


def test_siblings_named_like_the_scopes_of_one_another_are_kept_apart() -> None:
    x = keras.Input((4,), name="x")
    one, two = Bessel(name="bessel"), Bessel(name="bessel_1")
    error = refusal(keras.Model(x, [one(x), two(layers.Dense(2)(x)), one(layers.Dense(3)(x))]))
    assert blamed(error) == [("BesselI0", "the layer 'bessel' (Bessel)")] * 2 + [
        ("BesselI0", "the layer 'bessel_1' (Bessel)")
    ]


def test_a_layer_inside_layers_is_named_by_its_path() -> None:
    inner = keras.Sequential([keras.Input((4,)), Block(name="block")], name="inner")
    x = keras.Input((4,), name="x")
    assert blamed(refusal(keras.Model(x, inner(x)))) == [
        ("BesselI0", "the layer 'inner/block/curved' (Bessel)"),
        ("BesselJ0", "the layer 'inner/block' (Block)"),
    ]


class Cell(layers.Layer):
    state_size = 3

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], 3))

    def call(self, x: Any, states: Any) -> Any:
        y = special.bessel_i1(tf.matmul(x, self.kernel)) + states[0]
        return y, [y]


def test_an_operator_inside_a_loop_is_the_cells() -> None:
    x = keras.Input((None, 4), name="x")
    error = refusal(keras.Model(x, layers.RNN(Cell(name="cell"), name="recurrent")(x)))
    assert blamed(error) == [("BesselI1", "the layer 'recurrent/cell' (Cell)")]


class Compiled(layers.Layer):
    @tf.function
    def inside(self, x: Any) -> Any:
        return special.bessel_k0(x)

    def call(self, x: Any) -> Any:
        return self.inside(x)


def test_an_operator_inside_a_function_is_its_layers() -> None:
    error = refusal(keras.Sequential([keras.Input((4,)), Compiled(name="compiled")]))
    assert [layer for _, layer in blamed(error)] == ["the layer 'compiled' (Compiled)"]


class Subclassed(keras.Model):
    def call(self, x: Any) -> Any:
        return special.bessel_y0(x)


def test_a_models_own_operator_is_the_models() -> None:
    model = Subclassed(name="own")
    model(tf.ones((2, 4)))
    assert blamed(refusal(model)) == [("BesselY0", "the model 'own' (Subclassed)")]


def test_an_operation_of_keras_ops_is_named_like_a_layer() -> None:
    x = keras.Input((4, 4), name="x")
    error = refusal(keras.Model(x, keras.ops.svd(x)[1]))
    assert blamed(error) == [("Svd", "the layer 'svd' (SVD)")]


def test_each_layer_is_told_what_to_use_instead() -> None:
    x = keras.Input((4, 4), name="x")
    error = refusal(keras.Model(x, [Bessel(name="bessel")(x), keras.ops.svd(x)[1]]))
    assert "the layer 'bessel' (Bessel): write this special function as a polynomial" in str(error.remedy)
    assert "the layer 'svd' (SVD): ONNX decomposes no matrices" in str(error.remedy)


def test_keras_calls_its_layers_as_before_afterwards() -> None:
    before = keras.Operation.__call__
    refusal(keras.Sequential([keras.Input((4,)), Bessel()]))
    assert keras.Operation.__call__ is before
