"""Choosing between values."""

from __future__ import annotations

from modelport_converters.tensorflow_to_onnx.handlers.forms import Form, form


@form("Select", "SelectV2", since=9)
def select(write: Form, condition: str, x: str, y: str) -> str:
    """X where the condition holds, else y; tf2onnx multiplies by the condition, which makes NaN of what is not chosen."""
    if write.kind == "Select":
        condition = _along_rows(write, condition, x)
    return write.choose(condition, x, y)


def _along_rows(write: Form, condition: str, x: str) -> str:
    """Give the condition of the older operator, which may be a vector that chooses rows, the rank of the values."""
    sizes, of_condition = write.shape(x), write.shape(condition)
    if sizes is None or of_condition is None:
        raise ValueError("whether the condition chooses rows or elements is not known: use tf.where of TensorFlow 2")
    if len(of_condition) != 1 or len(sizes) == 1:
        return condition
    return write.reshape(condition, [-1] + [1] * (len(sizes) - 1))
