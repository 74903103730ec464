"""Random functional models: 200 fixed seeds, a part of them by default, the others behind the marker `sweep`."""

import keras
import pytest
from keras_random import MOST_LAYERS, random_model

import modelport

pytestmark = [
    # Keras turns its variables into arrays in a way that NumPy 2 deprecates
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
    # a random model puts layers behind a masked sequence that end its mask
    pytest.mark.filterwarnings("ignore:Layer .* does not support masking:UserWarning"),
    # a random graph may well take the softmax of one number
    pytest.mark.filterwarnings("ignore:(?s).*You are using a softmax over axis:UserWarning"),
]

SEEDS = range(200)
USUAL = range(24)


def layers_of(model):
    return [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=[] if seed in USUAL else pytest.mark.sweep) for seed in SEEDS]
)
def test_a_random_functional_model_is_proven(seed):
    model = random_model(seed)
    assert 5 <= len(layers_of(model)) <= MOST_LAYERS
    conversion = modelport.convert(model, to="onnx", proof_seconds=0.5)
    assert conversion.report.verdict == "proven"
    assert list(conversion.report.proofs[0].outputs)


def test_a_seed_always_makes_the_same_model():
    first, second = random_model(3), random_model(3)
    assert first.to_json() == second.to_json()
    for one, other in zip(first.variables, second.variables, strict=True):
        assert (keras.ops.convert_to_numpy(one) == keras.ops.convert_to_numpy(other)).all()
