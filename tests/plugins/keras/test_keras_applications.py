"""Every model of keras.applications, converted and proven: one of most families by default, the others with ``-m sweep``."""

import gc

import keras
import numpy as np
import pytest
from keras_applications import ATOL, RTOL, built, family, functions, images, least_felt, power

import modelport

# Keras turns its variables into arrays in a way that NumPy 2 deprecates
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

REPRESENTATIVES = {
    "convnext": "ConvNeXtTiny",
    "densenet": "DenseNet121",
    "efficientnet": "EfficientNetB0",
    "efficientnet_v2": "EfficientNetV2B0",
    "inception_resnet_v2": "InceptionResNetV2",
    "inception_v3": "InceptionV3",
    "mobilenet": "MobileNet",
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3": "MobileNetV3Small",
    "nasnet": "NASNetMobile",
    "resnet": "ResNet50",
    "resnet_v2": "ResNet50V2",
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "xception": "Xception",
}
"""Of each family the model with the fewest parameters."""

SLOW = {"nasnet", "inception_resnet_v2"}
"""Families whose smallest model has more than 600 nodes and takes a minute: they wait for the sweep."""

OTHERS = sorted(set(functions()) - set(REPRESENTATIVES.values()))


@pytest.fixture(autouse=True)
def released():
    yield
    keras.backend.clear_session()
    gc.collect()


def assert_proven(name):
    """Convert a model and demand a proof, at batch sizes 3 and 1, that every image and every weight has a say in."""
    model, batch = built(name), images(name)
    assert power(np.asarray(model(batch, training=False))) > 200
    path, tolerances = least_felt(model, batch[:1])
    assert tolerances > 1, path
    report = modelport.convert(model, to="onnx", samples=batch, rtol=RTOL, atol=ATOL).report
    assert report.verdict == "proven"
    assert {1, 3} <= {case.sizes["N"] for proof in report.proofs for case in proof.cases}


def test_every_family_has_a_representative():
    assert {family(name) for name in functions()} == set(REPRESENTATIVES)
    assert all(family(name) == key for key, name in REPRESENTATIVES.items())


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.sweep if key in SLOW else ()) for key, name in REPRESENTATIVES.items()],
)
def test_the_smallest_of_each_family_is_proven(name):
    assert_proven(name)


@pytest.mark.sweep
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", OTHERS)
def test_the_others_are_proven(name):
    assert_proven(name)


@pytest.mark.sweep
@pytest.mark.timeout(1800)
def test_the_representatives_are_the_smallest():
    sizes = {}
    for name, function in functions().items():
        sizes.setdefault(family(name), {})[name] = function(weights=None).count_params()
        keras.backend.clear_session()
    assert {key: min(counts, key=counts.get) for key, counts in sizes.items()} == REPRESENTATIVES
