"""TensorFlow operators that tf2onnx lacks or gets wrong: one function for each, in a module for each family.

A function is registered with `forms.form`, and says with `since=` from which opset on it holds. It takes a `Form`, which
writes the nodes, and the names of the inputs, and returns those of the outputs. One that only adapts the node, or leaves some
cases to tf2onnx (`Form.upstream`), returns None there. What has no ONNX form raises ValueError with the reason.

Importing this package registers them all, after tf2onnx's own, which they replace.
"""

from __future__ import annotations

from tf2onnx import tfonnx as tfonnx  # registers tf2onnx's own

from modelport_converters.tensorflow_to_onnx.handlers import arrays as arrays
from modelport_converters.tensorflow_to_onnx.handlers import convolution as convolution
from modelport_converters.tensorflow_to_onnx.handlers import counting as counting
from modelport_converters.tensorflow_to_onnx.handlers import dense as dense
from modelport_converters.tensorflow_to_onnx.handlers import doubles as doubles
from modelport_converters.tensorflow_to_onnx.handlers import einsum as einsum
from modelport_converters.tensorflow_to_onnx.handlers import gathering as gathering
from modelport_converters.tensorflow_to_onnx.handlers import images as images
from modelport_converters.tensorflow_to_onnx.handlers import linalg as linalg
from modelport_converters.tensorflow_to_onnx.handlers import lists as lists
from modelport_converters.tensorflow_to_onnx.handlers import lookup as lookup
from modelport_converters.tensorflow_to_onnx.handlers import mathematics as mathematics
from modelport_converters.tensorflow_to_onnx.handlers import products as products
from modelport_converters.tensorflow_to_onnx.handlers import quantization as quantization
from modelport_converters.tensorflow_to_onnx.handlers import recurrent as recurrent
from modelport_converters.tensorflow_to_onnx.handlers import refused as refused
from modelport_converters.tensorflow_to_onnx.handlers import resizing as resizing
from modelport_converters.tensorflow_to_onnx.handlers import segments as segments
from modelport_converters.tensorflow_to_onnx.handlers import selection as selection
from modelport_converters.tensorflow_to_onnx.handlers import sparse as sparse
from modelport_converters.tensorflow_to_onnx.handlers import special as special
from modelport_converters.tensorflow_to_onnx.handlers import spectral as spectral
from modelport_converters.tensorflow_to_onnx.handlers import text as text
from modelport_converters.tensorflow_to_onnx.handlers import transposed as transposed
