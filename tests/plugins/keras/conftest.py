"""The Keras plugin, and the state of Keras before each test."""

import keras
import pytest

from modelport.plugins import registry

SEED = 7


@pytest.fixture(autouse=True)
def seeded():
    """Draw the same weights in every run."""
    keras.utils.set_random_seed(SEED)


@pytest.fixture
def numbered_anew():
    """Have Keras number the names of its layers from the start, which forgets the seed too."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(SEED)


@pytest.fixture(scope="session")
def plugin():
    return registry().get("keras")
