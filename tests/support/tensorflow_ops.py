"""Cases for the operators of TensorFlow that one meets in inference: by their names in tf.raw_ops."""

from __future__ import annotations

import tensorflow_ops_arrays
import tensorflow_ops_flow
import tensorflow_ops_images
import tensorflow_ops_math
import tensorflow_ops_nn
import tensorflow_ops_sparse
from tensorflow_case import Case, table

_FAMILIES = (
    tensorflow_ops_arrays,
    tensorflow_ops_flow,
    tensorflow_ops_images,
    tensorflow_ops_math,
    tensorflow_ops_nn,
    tensorflow_ops_sparse,
)

CASES: dict[str, list[Case]] = table(*(case for family in _FAMILIES for case in family.CASES))
