"""Graphs of integers, of thresholds met exactly, and of casts beyond the integers."""

from __future__ import annotations

import numpy as np
from delicate_graphs import case, draw, finite, softmax

floats = draw(14)

EXACT = "integer arithmetic is exact and wraps on both sides"
UNDEFINED = "a float beyond the range of the integer has no value in C or in ONNX: either answer is right"


def shifted(x: np.ndarray, by: int) -> np.ndarray:
    return (x << np.uint32(by)) ^ (x >> np.uint32(3))


def truncated(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if (b == 0).any() or ((b == -1) & (a == np.iinfo(a.dtype).min)).any():
        raise ZeroDivisionError("no integer is the quotient")
    quotient = np.abs(a.astype(np.float64)) // np.abs(b.astype(np.float64))
    return (np.sign(a) * np.sign(b) * quotient).astype(a.dtype)


def quantised(x: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(finite(x) / np.float32(0.1)) + 3, -128, 127).astype(np.int8)


def dynamically_quantised(x: np.ndarray) -> dict[str, np.ndarray]:
    low, high = min(finite(x).min(), 0), max(x.max(), 0)
    scale = np.float32((np.float32(high) - np.float32(low)) / np.float32(255)) or np.float32(1)
    zero = np.clip(np.rint(-np.float32(low) / scale), 0, 255)
    return {"y": np.clip(np.rint(x / scale) + zero, 0, 255).astype(np.uint8)}


INTEGERS = [
    case(
        "sums and products that wrap",
        "integers",
        EXACT,
        "(int32[N,4] a, int32[N,4] b) => (int32[N,4] y, int32[N,4] z) { y = Mul(a, b) z = Sub(a, b) }",
        lambda a, b: {"y": (a.astype(np.int64) * b.astype(np.int64)).astype(np.int32), "z": a - b},
    ),
    case(
        "shifts and bits",
        "integers",
        EXACT,
        """(uint32[N,4] x) => (uint32[N,4] y) { a = BitShift<direction = "LEFT">(x, five)
             b = BitShift<direction = "RIGHT">(x, three)
             y = BitwiseXor(a, b) }""",
        lambda x: shifted(x, 5),
        five=np.asarray(5, np.uint32),
        three=np.asarray(3, np.uint32),
    ),
    case(
        "remainders of negative numbers",
        "integers",
        "the sign of the divisor (integers) and of the dividend (fmod), as ONNX defines",
        """(int64[N,4] x, float[N,4] f) => (int64[N,4] y, float[N,4] z) {
             y = Mod(x, seven) z = Mod<fmod: int = 1>(f, three) }""",
        lambda x, f: {"y": np.mod(x, 7), "z": np.fmod(f, np.float32(3))},
        seven=np.asarray(7),
        three=np.float32(3),
    ),
    case(
        "quotients whose source refuses a zero divisor",
        "integers",
        EXACT,
        "(int32[N,4] a, int32[N,4] b) => (int32[N,4] y) { y = Div(a, b) }",
        truncated,
    ),
    case(
        "thresholds met exactly",
        "thresholds",
        "both sides compare the very number that was fed",
        """(float[N,6] x) => (bool[N,6] a, bool[N,6] b, bool[N,6] c) {
             a = Greater(x, h) b = LessOrEqual(x, h) c = Equal(x, h) }""",
        lambda x: {"a": x > 0.5, "b": x <= 0.5, "c": x == 0.5},
        h=np.float32(0.5),
    ),
    case(
        "halves rounded to even",
        "thresholds",
        "ONNX and NumPy round halves to even",
        "(float[N,6] x) => (float[N,6] y) { m = Mul(x, k) y = Round(m) }",
        lambda x: np.rint(x * np.float32(2.5)),
        k=np.float32(2.5),
    ),
    case(
        "floors of products near integers",
        "thresholds",
        "both sides round the product to float32 before the floor",
        """(float[N,6] x) => (float[N,6] y, int64[N,6] i) {
             m = Mul(x, k) y = Floor(m) c = Clip(y, low, high) i = Cast<to: int = 7>(c) }""",
        lambda x: {"y": (f := np.floor(finite(x) * np.float32(10))), "i": np.clip(f, -1e6, 1e6).astype(np.int64)},
        k=np.float32(10),
        low=np.float32(-1e6),
        high=np.float32(1e6),
    ),
    case(
        "a probability compared with a third",
        "thresholds",
        "three equal logits have the probability 1/3, met up to one rounding",
        "(float[N,3] x) => (float[N,3] p, bool[N,3] y) { p = Softmax(x) y = GreaterOrEqual(p, t) }",
        lambda x: {"p": (p := softmax(finite(x))), "y": p >= np.float32(1 / 3)},
        t=np.float32(1 / 3),
    ),
    case(
        "quantisation that saturates",
        "thresholds",
        "float32 division, halves to even and saturation, as ONNX defines",
        "(float[N,6] x) => (int8[N,6] y) { y = QuantizeLinear(x, s, z) }",
        quantised,
        s=np.float32(0.1),
        z=np.int8(3),
    ),
    case(
        "dynamic quantisation of zeros",
        "thresholds",
        "without spread every value is the zero point",
        "(float[4,6] x) => (uint8[4,6] y) { y, s, z = DynamicQuantizeLinear(x) }",
        dynamically_quantised,
    ),
    *(
        case(
            f"a cast to {name} beyond its range",
            "casts",
            UNDEFINED,
            f"(float[N,6] x) => ({name}[N,6] y) {{ m = Mul(x, k) y = Cast<to: int = {number}>(m) }}",
            lambda x, dtype=name: (x * np.float32(1e3)).astype(dtype),
            k=np.float32(1e3),
        )
        for name, number in {"int32": 6, "int64": 7, "uint8": 2, "int8": 3}.items()
    ),
    case(
        "a cast to bool of NaN",
        "casts",
        "NaN is not zero, so it is true",
        "(float[N,6] x) => (bool[N,6] y) { y = Cast<to: int = 9>(x) }",
        lambda x: x.astype(bool),
    ),
    case(
        "a cast to float16 that overflows",
        "casts",
        "beyond 65519 the nearest float16 is infinite",
        "(float[N,6] x) => (float16[N,6] y) { m = Mul(x, k) y = Cast<to: int = 10>(m) }",
        lambda x: (x * np.float32(3e4)).astype(np.float16),
        k=np.float32(3e4),
    ),
]


CASES = [*INTEGERS]
