"""A small CNN trained on scikit-learn's handwritten digits, from Keras (.keras) to ONNX."""

from pathlib import Path

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from common import OnnxModel, Result, convert, run, same_labels


def digits_cnn() -> keras.Model:
    """Probabilities [N,10] of grey images [N,8,8,1]."""
    image = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(32, 3, padding="same")(image)
    x = layers.BatchNormalization(momentum=0.9)(x)  # 0.99 is for longer training
    x = layers.ReLU()(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(64, 3, padding="same", activation="relu")(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.3)(x)
    return keras.Model(image, layers.Dense(10, activation="softmax", name="digit")(x))


def main(out: Path) -> Result:
    keras.utils.set_random_seed(0)
    digits = load_digits()
    images = digits.images[..., np.newaxis].astype("float32") / 16  # pixels are 0 to 16
    rows, test_rows, labels, test_labels = train_test_split(
        images, digits.target, test_size=0.3, random_state=0, stratify=digits.target
    )
    model = digits_cnn()
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    model.fit(rows, labels, batch_size=64, epochs=10, verbose=0)

    source, target = out / "digits.keras", out / "digits_keras.onnx"
    model.save(source)
    convert("--from", "keras", source, "-o", target)

    onnx = OnnxModel(target)
    before = model.predict(test_rows, verbose=0).argmax(axis=1)
    after = onnx({"image": test_rows}).argmax(axis=1)
    return same_labels("digits CNN", "keras", onnx, test_labels, before, after)


if __name__ == "__main__":
    run(main)
