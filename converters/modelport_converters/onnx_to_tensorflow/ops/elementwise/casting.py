"""Casts between element types, those without kernels in TensorFlow included."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, Unsupported, op
from modelport_converters.onnx_to_tensorflow.weights import Array, to_dtype

_SMALL_FLOATS = frozenset(
    {"float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float4_e2m1fn"}
)  # fmt: skip
_WHOLE = rf"\s*([+-]?0*(\d{{1,18}}|[1-8]\d{{18}}|9[01]\d{{17}}|92[01]\d{{16}})|{2**63 - 1}|{-(2**63)})\s*"
"""Texts that TensorFlow reads as int64 without an overflow; a few of 19 digits are missing, which are read as floats."""

_BITS = {"int4": 4, "uint4": 4, "int2": 2, "uint2": 2}
_WITH_CASTS = frozenset({"int4", "uint4"})  # TensorFlow has kernels from int32 and to it, which keep the low bits


@op("Cast", layout=LayoutRule.ELEMENTWISE)
def cast(x: tf.Tensor, *, to: int, saturate: int = 1, round_mode: str = "up") -> tf.Tensor:
    """Cast to a type; floats of 8 bits and fewer saturate unless told otherwise."""
    return to_type(x, dtype_of(to), bool(saturate))


@op("CastLike")
def cast_like(x: tf.Tensor, like: tf.Tensor, *, saturate: int = 1, round_mode: str = "up") -> tf.Tensor:
    """Cast to the type of another tensor."""
    return to_type(x, like.dtype, bool(saturate))


@op("BitCast")
def bit_cast(x: tf.Tensor, *, to: int) -> tf.Tensor:
    """Bitcast: the same bits read as another type of that width."""
    target = dtype_of(to)
    if target == x.dtype:
        return x
    plain = tf.cast(x, tf.uint8) if x.dtype == tf.bool else codes(x) if _is_small(x.dtype) else x
    if target == tf.bool:
        return tf.bitcast(plain, tf.uint8) != 0
    if _is_small(target):
        return from_codes(tf.bitcast(plain, tf.uint8), target)
    return plain if plain.dtype == target else tf.bitcast(plain, target)


def to_type(x: tf.Tensor, target: tf.DType, saturate: bool = True) -> tf.Tensor:
    """Cast a tensor to a type, as ONNX's Cast does."""
    if x.dtype == target:
        return tf.identity(x)
    if target == tf.string:
        return _to_string(_readable(x))
    plain = _from_string(x, target) if x.dtype == tf.string else _readable(x)
    if target == tf.bool:
        return plain != 0 if plain.dtype != tf.bool else plain
    if target.name in _SMALL_FLOATS:
        return from_codes(_nearest(plain, target, saturate or target.name == "float4_e2m1fn"), target)
    if target.name in _WITH_CASTS:
        return tf.cast(tf.cast(plain, tf.int32), target)
    if target.name in _BITS:
        whole = tf.cast(tf.cast(plain, tf.int32), tf.uint8)
        return from_codes(whole & tf.constant(2 ** _BITS[target.name] - 1, tf.uint8), target)
    return tf.cast(plain, target)


def codes(x: tf.Tensor) -> tf.Tensor:
    """Bitcast a tensor of a type of 8 bits or fewer to uint8.

    TensorFlow's only kernel that reads the bytes of every type is Fingerprint: the hash of each byte tells which one it was.
    """
    with tf.init_scope():
        every = tf.constant(np.arange(256, dtype=np.uint8).reshape(-1, 1))
        table = np.ascontiguousarray(tf.fingerprint(every).numpy()).view(np.int64).ravel()
    order = np.argsort(table)
    hashes = tf.bitcast(tf.fingerprint(tf.reshape(x, [-1, 1])), tf.int64)
    found = tf.gather(tf.constant(order.astype(np.uint8)), tf.searchsorted(tf.constant(table[order]), hashes))
    return tf.reshape(found, tf.shape(x))


def from_codes(bytes_of: tf.Tensor, target: tf.DType) -> tf.Tensor:
    """Bitcast uint8 to a type of 8 bits or fewer.

    A serialised tensor begins with its type's number, so that uint8 is parsed as another type of one byte.
    """
    text = tf.io.serialize_tensor(bytes_of)
    number = bytes([8, target.as_datatype_enum])
    made = tf.io.parse_tensor(tf.strings.join([tf.constant(number), tf.strings.substr(text, 2, -1)]), target)
    return tf.ensure_shape(made, bytes_of.shape)


def _is_small(dtype: tf.DType) -> bool:
    return dtype.name in _SMALL_FLOATS or dtype.name in _BITS


def _values(dtype: tf.DType) -> Array:
    """Return the value of every code of a type of 8 bits or fewer."""
    count = 2 ** _BITS.get(dtype.name, 4 if dtype.name == "float4_e2m1fn" else 8)
    every = np.arange(count, dtype=np.uint8)
    values: Array = every.view(dtype.as_numpy_dtype).astype(np.int32 if dtype.name in _BITS else np.float32)
    return values


def _readable(x: tf.Tensor) -> tf.Tensor:
    """Cast a type of 8 bits or fewer to one that TensorFlow computes with; any other tensor is returned as it is."""
    if not _is_small(x.dtype):
        return x
    if x.dtype in (tf.dtypes.experimental.float8_e4m3fn, tf.dtypes.experimental.float8_e5m2):
        return tf.cast(x, tf.float32)
    if x.dtype.name in _WITH_CASTS:
        return tf.cast(x, tf.int32)
    values = _values(x.dtype)
    return tf.gather(tf.constant(values), tf.cast(codes(x), tf.int32) & (len(values) - 1))


def _nearest(x: tf.Tensor, target: tf.DType, saturate: bool) -> tf.Tensor:
    """Round to the nearest values of a small float, ties to even; return their codes as uint8."""
    x = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
    values = _values(target).astype(np.float64)
    half = len(values) // 2
    finite = values[:half][np.isfinite(values[:half])]
    step = finite[-1] - finite[-2]
    middles = (finite + np.append(finite[1:], finite[-1] + step)) / 2
    middles = middles.astype(x.dtype.as_numpy_dtype)
    odd = np.arange(len(middles)) % 2 == 1  # a tie goes up from an odd number
    middles = np.where(odd, np.nextafter(middles, middles.dtype.type(0)), middles)
    flat = tf.reshape(x, [-1])
    found = tf.reshape(tf.searchsorted(tf.constant(middles), tf.abs(flat)), tf.shape(x))
    unsigned_zero = target.name.endswith("uz")
    beyond = len(finite) - 1 if saturate else half if unsigned_zero else len(finite)
    found = tf.where(found >= len(finite), beyond, found)
    bits = tf.bitcast(x, tf.int64 if x.dtype == tf.float64 else tf.int32)
    signed = (bits < 0) & (found > 0) & (found < half) if unsigned_zero else bits < 0
    found = found + tf.where(signed, half, 0)
    nan = (
        half if unsigned_zero or target.name == "float4_e2m1fn" else half - 1
    )  # a type without NaN makes it -0, as ml_dtypes
    return tf.cast(tf.where(tf.math.is_nan(x), nan, found), tf.uint8)


def _from_string(x: tf.Tensor, target: tf.DType) -> tf.Tensor:
    if not target.is_integer:
        return tf.strings.to_number(x, tf.float64)
    whole = tf.strings.regex_full_match(x, _WHOLE)
    number = tf.strings.to_number(tf.where(whole, x, "0"), tf.int64)
    return tf.where(whole, number, tf.cast(tf.strings.to_number(tf.where(whole, "0", x), tf.float64), tf.int64))


def _to_string(x: tf.Tensor) -> tf.Tensor:
    if x.dtype == tf.bool:
        return tf.where(x, "True", "False")
    if not x.dtype.is_floating:
        return tf.strings.as_string(x)
    return tf.strings.as_string(x if x.dtype == tf.float64 else tf.cast(x, tf.float32), shortest=True)


def dtype_of(to: int) -> tf.DType:
    """Return the tf.DType of a number of TensorProto.DataType."""
    try:
        return to_dtype(ir.DataType(to))
    except (TypeError, ValueError) as error:
        raise Unsupported(f"TensorFlow has no element type {to} of ONNX's TensorProto") from error
