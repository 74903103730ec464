"""Text layers without an ONNX form are refused before anything is written, and the layer is named."""

import keras
import pytest
from keras import layers
from keras_case import EXCEPTIONS

import modelport
from modelport.errors import UnsupportedOps


def refused(model, match):
    with pytest.raises(UnsupportedOps, match=match) as raised:
        modelport.convert(model, to="onnx", proof_seconds=0)
    return str(raised.value)


def model_of(layer, dtype="string", size=3):
    values = keras.Input((size,), dtype=dtype)
    return keras.Model(values, layer(values))


@pytest.mark.parametrize("dtype", ["string", "int64"])
@pytest.mark.parametrize("settings", [{}, {"salt": 7}, {"mask_value": "", "output_mode": "multi_hot"}])
def test_hashing_is_refused(dtype, settings):
    assert "Hashing" in EXCEPTIONS["layers"]
    if dtype == "int64" and "mask_value" in settings:
        settings = {**settings, "mask_value": 0}
    text = refused(model_of(layers.Hashing(5, name="buckets", **settings), dtype), "hash of a string")
    assert "'buckets' (Hashing)" in text


def test_hashed_crossing_is_refused():
    assert "HashedCrossing" in EXCEPTIONS["layers"]
    words, keys = keras.Input((1,), dtype="string"), keras.Input((1,), dtype="int64")
    model = keras.Model([words, keys], layers.HashedCrossing(5, name="crossed")((words, keys)))
    assert "'crossed' (HashedCrossing)" in refused(model, "hash of a string")


def test_a_lookup_that_hashes_unknown_words_is_refused():
    layer = layers.StringLookup(vocabulary=["a", "b"], num_oov_indices=2, name="words")
    assert "'words' (StringLookup)" in refused(model_of(layer), "hash of a string")


def test_text_taken_apart_into_characters_is_refused():
    layer = layers.TextVectorization(vocabulary=["a", "b"], split="character", name="letters")
    assert "'letters' (TextVectorization)" in refused(model_of(layer, size=1), "into characters")


def test_text_below_opset_20_is_refused_with_the_opset_it_needs():
    layer = layers.TextVectorization(vocabulary=["a", "b"], standardize=None)
    with pytest.raises(UnsupportedOps, match="--opset 20"):
        modelport.convert(model_of(layer, size=1), to="onnx", opset=18, proof_seconds=0)
