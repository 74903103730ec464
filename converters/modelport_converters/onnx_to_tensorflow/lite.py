"""Conversion of a translated model to a TensorFlow Lite flatbuffer, quantized on request."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from modelport.errors import CannotConvert, UnsupportedOps
from modelport_converters.onnx_to_tensorflow.build import Module
from modelport_converters.tensorflow_to_onnx.quiet_import import stderr_held_back

Int8 = Literal["none", "dynamic", "full"]

CALIBRATION_ROWS = 500
"""Samples that ranges are calibrated on at most: TensorFlow's guide to post-training quantization asks for 100 to 500."""

_LARGEST = 2**31
"""A flatbuffer's offsets are signed 32-bit integers."""


def to_flatbuffer(
    module: Module, *, float16: bool = False, int8: Int8 = "none", calibration: Sequence[np.ndarray] = ()
) -> bytes:
    """Return the contents of a .tflite file of builtin operators alone.

    Args:
        module: what `build` returned.
        float16: store weights as float16.
        int8: store weights as int8: "dynamic" quantizes activations while running, "full" with ranges from the calibration.
        calibration: an array for each input of the module, in order and in its layout; needed for "full".

    Raises:
        UnsupportedOps: with every operator that has no builtin form.
        CannotConvert: for any other refusal of TensorFlow's converter.
    """
    root = tf.Module()  # without the function, which TensorFlow would trace and save a second time
    root.weights = module.weights
    with _quiet():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([module.serving], root)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if float16 or int8 != "none":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if float16:
            converter.target_spec.supported_types = [tf.float16]
        if int8 == "full":
            converter.target_spec.supported_ops.insert(0, tf.lite.OpsSet.TFLITE_BUILTINS_INT8)
            converter.representative_dataset = _dataset(module.function.input_signature, calibration)
        try:
            return bytes(converter.convert())
        except Exception as error:  # ConverterError, and what the calibration or protobuf raise
            raise _refusal(error, module) from error


def _dataset(
    specs: Sequence[tf.TensorSpec], arrays: Sequence[np.ndarray]
) -> Callable[[], Iterator[dict[str, np.ndarray]]]:
    """Return the representative dataset: the samples in batches of the model's batch size, 1 where that is dynamic."""
    rows = {len(array) if array.ndim else 0 for array in arrays}
    sizes = {(spec.shape[0] or 1) if spec.shape.rank else 0 for spec in specs}
    count, size = min(rows, default=0), max(sizes, default=0)
    named = dict(zip([spec.name for spec in specs], arrays, strict=True))

    def batches() -> Iterator[dict[str, np.ndarray]]:
        if len(rows) > 1 or len(sizes) > 1 or not size or count < size:  # inputs that have no batch in common
            yield named
            return
        for start in range(0, min(count, max(CALIBRATION_ROWS, size)) - size + 1, size):
            yield {name: np.ascontiguousarray(array[start : start + size]) for name, array in named.items()}

    return batches


def _refusal(error: Exception, module: Module) -> CannotConvert:
    named = [_described(item) for item in getattr(error, "errors", ()) if item.operator.name]
    if named:
        return UnsupportedOps(
            list(dict.fromkeys(named)),
            where="TensorFlow Lite's builtin operators",
            remedy="convert to a SavedModel (--to tensorflow), or replace these operators in the model",
        )
    size = sum(tensor.dtype.size * tensor.shape.num_elements() for tensor in module.weights)
    if size >= _LARGEST or "2GB" in str(error):
        return CannotConvert(
            "the weights exceed 2 GB, which a .tflite file cannot hold", remedy="convert to a SavedModel"
        )
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    reason = next((line.partition("error: ")[2] for line in lines if "error: " in line), lines[0])
    return CannotConvert(
        f"TensorFlow's converter refuses the model: {reason[:300]}",
        remedy="convert to a SavedModel (--to tensorflow); --debug shows the converter's own traceback",
    )


def _described(item: Any) -> str:
    operator = item.operator.name.removeprefix("tf.")
    node = item.location.call[0].name.partition("@")[0] if item.location.call else ""
    reason = item.error_message.splitlines()[0].partition("' op ")[2]
    if not reason or "custom op nor a flex op" in reason:
        types = re.search(r" : \((tensor<.*)\) -> ", item.error_message)
        reason = f"it has no builtin form{f' for {types[1]}' if types else ''}"
    if "to be static" in reason:
        reason += ": give every size with --input, the batch too"
    return f"{operator}{f', node {node!r}' if node and node != operator else ''}: {reason}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what TensorFlow and its native code say about a conversion off the terminal; refusals come as exceptions."""
    logs = [logging.getLogger("absl"), tf.get_logger()]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), stderr_held_back(repeat=False):
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)
