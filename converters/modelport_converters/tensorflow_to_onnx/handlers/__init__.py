"""TensorFlow operators that tf2onnx lacks or gets wrong: one handler class for each, in a module for each family.

Importing this package registers them all.
"""

from __future__ import annotations

from modelport_converters.tensorflow_to_onnx.handlers import arithmetic as arithmetic
from modelport_converters.tensorflow_to_onnx.handlers import convolution as convolution
from modelport_converters.tensorflow_to_onnx.handlers import counting as counting
from modelport_converters.tensorflow_to_onnx.handlers import dense as dense
from modelport_converters.tensorflow_to_onnx.handlers import einsum as einsum
from modelport_converters.tensorflow_to_onnx.handlers import elementwise as elementwise
from modelport_converters.tensorflow_to_onnx.handlers import hashing as hashing
from modelport_converters.tensorflow_to_onnx.handlers import lookup as lookup
from modelport_converters.tensorflow_to_onnx.handlers import misc_comparison as misc_comparison
from modelport_converters.tensorflow_to_onnx.handlers import misc_double as misc_double
from modelport_converters.tensorflow_to_onnx.handlers import misc_gather as misc_gather
from modelport_converters.tensorflow_to_onnx.handlers import misc_matmul as misc_matmul
from modelport_converters.tensorflow_to_onnx.handlers import misc_transposed as misc_transposed
from modelport_converters.tensorflow_to_onnx.handlers import selection as selection
from modelport_converters.tensorflow_to_onnx.handlers import spectral as spectral
from modelport_converters.tensorflow_to_onnx.handlers import text as text
from modelport_converters.tensorflow_to_onnx.handlers import tf_arrays as tf_arrays
from modelport_converters.tensorflow_to_onnx.handlers import tf_images as tf_images
from modelport_converters.tensorflow_to_onnx.handlers import tf_linalg as tf_linalg
from modelport_converters.tensorflow_to_onnx.handlers import tf_lists as tf_lists
from modelport_converters.tensorflow_to_onnx.handlers import tf_math as tf_math
from modelport_converters.tensorflow_to_onnx.handlers import tf_quantization as tf_quantization
from modelport_converters.tensorflow_to_onnx.handlers import tf_recurrent as tf_recurrent
from modelport_converters.tensorflow_to_onnx.handlers import tf_refused as tf_refused
from modelport_converters.tensorflow_to_onnx.handlers import tf_resizing as tf_resizing
from modelport_converters.tensorflow_to_onnx.handlers import tf_segments as tf_segments
from modelport_converters.tensorflow_to_onnx.handlers import tf_sparse as tf_sparse
from modelport_converters.tensorflow_to_onnx.handlers import tf_special as tf_special
