"""The trained models onward: PyTorch and scikit-learn to SavedModels, Keras to TensorFlow Lite, each proven."""

import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import train_test_split

import digits_keras
import digits_pytorch
import iris_forest
from common import Array, OnnxModel, Result, convert, run, same_predictions


def main(out: Path) -> list[Result]:
    for name, example in (("digits.pt2", digits_pytorch), ("digits.keras", digits_keras), ("iris.skops", iris_forest)):
        if not (out / name).exists():
            example.main(out)
    digits = load_digits()
    images = digits.images[:, np.newaxis].astype("float32") / 16
    _, rows, _, labels = train_test_split(images, digits.target, test_size=0.3, random_state=0, stratify=digits.target)
    flowers, species = load_iris(return_X_y=True)
    _, plants, _, kinds = train_test_split(flowers, species, test_size=0.3, random_state=0, stratify=species)

    to_saved_model("pytorch", out / "digits.pt2", out / "digits_tensorflow")
    digits_onnx = OnnxModel(out / "digits_pytorch.onnx")({"image": rows}).argmax(1)
    found = saved_model(out / "digits_tensorflow", image=rows)[0].argmax(1)
    results = [compared("digits CNN", "pytorch -> tensorflow", labels, digits_onnx, found)]

    convert("--from", "keras", "--to", "tflite", out / "digits.keras", "-o", out / "digits.tflite")
    channels_last = np.moveaxis(rows, 1, -1)
    keras_onnx = OnnxModel(out / "digits_keras.onnx")({"image": channels_last}).argmax(1)
    found = lite(out / "digits.tflite", channels_last).argmax(1)
    results.append(compared("digits CNN", "keras -> tflite", labels, keras_onnx, found))

    to_saved_model("sklearn", out / "iris.skops", out / "iris_tensorflow", "--samples", out / "iris.csv")
    iris_onnx = OnnxModel(out / "iris.onnx")({"X": plants})
    found = saved_model(out / "iris_tensorflow", X=plants)[0]
    results.append(compared("iris forest", "sklearn -> tensorflow", kinds, iris_onnx, found))
    return results


def to_saved_model(key: str, source: Path, target: Path, *more: str | Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    convert("--from", key, "--to", "tensorflow", source, "-o", target, *more)


def saved_model(path: Path, **inputs: Array) -> list[Array]:
    """Run a SavedModel as its users do; returns the outputs by name, in order."""
    results = tf.saved_model.load(str(path)).signatures["serving_default"](
        **{k: tf.constant(v) for k, v in inputs.items()}
    )
    return [results[name].numpy() for name in sorted(results)]


def lite(path: Path, image: Array) -> Array:
    """Run a TensorFlow Lite file on a batch."""
    (result,) = Interpreter(str(path)).get_signature_runner()(image=image).values()
    return result


def compared(example: str, route: str, truth: Array, before: Array, after: Array) -> Result:
    # `convert` ends with another status than 0, and delivers nothing, unless the proof holds.
    return same_predictions(example, route, "proven", truth, before, after)


if __name__ == "__main__":
    run(main)
