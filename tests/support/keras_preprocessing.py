"""Configurations of every preprocessing layer of Keras."""

from __future__ import annotations

import keras_preprocessing_features
import keras_preprocessing_images
import keras_preprocessing_text
from keras_case import Case

CASES: dict[str, list[Case]] = {
    **keras_preprocessing_images.CASES,
    **keras_preprocessing_features.CASES,
    **keras_preprocessing_text.CASES,
}
"""By the name of the class in keras.layers."""
