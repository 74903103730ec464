"""TensorFlow operators that tf2onnx lacks or gets wrong: one handler class for each, in a module for each family.

Importing this package registers them all.
"""

from __future__ import annotations

from modelport_converters.tensorflow_to_onnx.handlers import arithmetic as arithmetic
