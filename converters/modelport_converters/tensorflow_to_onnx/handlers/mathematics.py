"""Arithmetic and comparisons that tf2onnx lacks or gets wrong."""

from __future__ import annotations

import numpy as np

from modelport_converters.tensorflow_to_onnx.handlers.forms import Form, form


@form("AccumulateNV2")
def accumulate(write: Form, *terms: str) -> str:
    """The sum of its inputs."""
    return write("Sum", *terms)


@form("ApproximateEqual")
def approximate_equal(write: Form, x: str, y: str) -> str:
    """|x - y| < tolerance."""
    return write("Less", write("Abs", write("Sub", x, y)), write.number(write.attr("tolerance", 1e-5), x))


@form("Bitcast")
def sign_bit(write: Form, x: str) -> str:
    """The bits of floats as integers, of which ONNX sees the sign alone: for readers that look at no more (signbit, argmax)."""
    source, target = write.dtype_of(x), write.dtype
    if source.kind != "f" or target.kind != "i" or source.itemsize != target.itemsize:
        raise ValueError("ONNX has no view of a number's bits")
    lowest = np.iinfo(target).min
    for reader in write.ctx.find_output_consumers(write.node.output[0]):
        known = [value.get_tensor_value(as_list=False) for value in reader.inputs if value.is_const()]
        if (reader.type, *map(np.ravel, known)) not in (("BitwiseAnd", [lowest]), ("Less", [0])):
            raise ValueError("ONNX has no view of a number's bits but its sign")
    zero = write.const(0, source)
    negative = write("Or", write("Less", x, zero), write("Less", write("Reciprocal", x), zero))  # 1 / -0.0 is -infinity
    return write("Where", negative, write.like(lowest), write.like(0))


@form("CheckNumericsV2", "PreventGradient", "Snapshot", "DeepCopy", "CheckPinned")
def unchanged(write: Form, x: str) -> str:
    """What only concerns training or debugging."""
    return write("Identity", x)


@form("Greater", "Less", since=9)
def compare(write: Form, x: str, y: str) -> str:
    """Whether x > y, or x < y; tf2onnx compares integers as float32, which has not all of them."""
    if write.dtype_of(x).kind in "iu" and write.dtype_of(x) != np.uint64:
        # in the condition of a loop, tf2onnx may have put an int64 size in the place of one of two int32 values
        x, y = write.cast(x, np.int64), write.cast(y, np.int64)
    return write(write.kind, x, y)


@form("Cross")
def cross(write: Form, a: str, b: str) -> str:
    """The cross product along the last axis, of size 3."""

    def rolled(x: str, first: int) -> str:
        return write("Gather", x, write.const([first, (first + 1) % 3, (first + 2) % 3]), axis=-1)

    left = write("Mul", rolled(a, 1), rolled(b, 2))
    return write("Sub", left, write("Mul", rolled(a, 2), rolled(b, 1)))


@form("CumulativeLogsumexp")
def cumulative_logsumexp(write: Form, x: str, axis: str) -> str:
    """log(cumsum(exp(x))), shifted by the greatest element."""
    highest = write.reduce("Max", x, [int(write.known(1))], keep=True)
    flags = {"exclusive": int(write.attr("exclusive", 0)), "reverse": int(write.attr("reverse", 0))}
    total = write("CumSum", write("Exp", write("Sub", x, highest)), axis, **flags)
    return write("Add", write("Log", total), highest)


@form("EuclideanNorm")
def euclidean_norm(write: Form, x: str, axes: str) -> str:
    """sqrt(sum(x^2))."""
    total = write("ReduceSum", write("Mul", x, x), write.cast(axes, np.int64), keepdims=int(write.attr("keep_dims", 0)))
    return write("Sqrt", total)


@form("Erfc", since=9)
def erfc(write: Form, x: str) -> str:
    """1 - erf(x)."""
    return write("Sub", write.like(1), write("Erf", x))


@form("Expm1")
def expm1(write: Form, x: str) -> str:
    """exp(x) - 1; near zero 2 tanh(x/2) / (1 - tanh(x/2)), which keeps its digits."""
    half = write("Tanh", write("Mul", x, write.like(0.5)))
    near = write("Div", write("Add", half, half), write("Sub", write.like(1), half))
    return write(
        "Where",
        write("Less", write("Abs", x), write.like(0.5)),
        near,
        write("Sub", write("Exp", x), write.like(1)),
    )


@form("Log", since=6)
def log(write: Form, x: str) -> None:
    """The same operator; tf2onnx computes that of float64 in float32 and refuses float16, for an older ONNX Runtime."""


@form("Log1p")
def log1p(write: Form, x: str) -> str:
    """log(1 + x); up to 1 as log(u) x / (u - 1) with u = 1 + x, after W. Kahan, which keeps its digits."""
    one = write.like(1)
    shifted = write("Add", one, x)
    logarithm = write("Log", shifted)
    corrected = write("Div", write("Mul", logarithm, x), write("Sub", shifted, one))
    near = write("Where", write("Equal", shifted, one), x, corrected)
    return write("Where", write("Greater", x, one), logarithm, near)


@form("FloorDiv", since=10)
def floor_div(write: Form, x: str, y: str) -> str:
    """Division rounded down; tf2onnx rounds that of integers towards zero."""
    if np.issubdtype(write.dtype, np.integer):
        return write("Div", write("Sub", x, write("Mod", x, y)), y)  # Mod takes the sign of the divisor
    return write("Floor", write("Div", x, y))


@form("FloorMod")
def floor_mod(write: Form, x: str, y: str) -> str:
    """The remainder that takes the sign of the divisor."""
    if np.issubdtype(write.dtype, np.integer):
        return write("Mod", x, y)
    rest, zero = write("Mod", x, y, fmod=1), write.like(0)
    signs = write("Xor", write("Less", rest, zero), write("Less", y, zero))
    wrong = write("And", signs, write("Not", write("Equal", rest, zero)))
    return write("Where", wrong, write("Add", rest, y), rest)


@form("Mod", "TruncateMod")
def truncate_mod(write: Form, x: str, y: str) -> str:
    """The remainder that takes the sign of the dividend."""
    return write("Mod", x, y, fmod=1)


@form("Inv", "Reciprocal")
def reciprocal(write: Form, x: str) -> str:
    """1 / x."""
    return write("Reciprocal", x)


@form("InTopK", "InTopKV2")
def in_top_k(write: Form, predictions: str, targets: str, k: str = "") -> str:
    """Whether fewer than k classes score higher than the target, which scores a finite number."""
    count = write.cast(k, np.int64) if k else write.const(write.attr("k"))
    rows = write.unsqueeze(write.cast(targets, np.int64), 1)
    score = write("GatherElements", predictions, rows, axis=1)
    better = write.reduce("Sum", write.cast(write("Greater", predictions, score), np.int64), [1])
    finite = write("Less", write("Abs", write.squeeze(score, 1)), write.const(np.inf, np.float32))
    return write("And", write("Less", better, count), finite)


@form("L2Loss")
def l2_loss(write: Form, x: str) -> str:
    """sum(x^2) / 2."""
    total = write("ReduceSumSquare", x, keepdims=0)
    return write("Mul", total, write.like(0.5))


@form("LinSpace")
def lin_space(write: Form, start: str, stop: str, count: str) -> str:
    """`count` numbers from start to stop; of one, start."""
    steps = write.arange(write.cast(count, np.int64))
    last = write("Max", write("Sub", write.cast(count, np.int64), write.const(1)), write.const(1))
    width = write("Div", write("Sub", stop, start), write.cast(last, write.dtype))
    return write("Add", start, write("Mul", write.cast(steps, write.dtype), width))


@form("LogMatrixDeterminant")
def log_matrix_determinant(write: Form, x: str) -> tuple[str, str]:
    """The sign of the determinant and the logarithm of its size."""
    found = write("Det", x)
    return write("Sign", found), write("Log", write("Abs", found))


@form("MulNoNan", "Xdivy", "Xlog1py", "Xlogy")
def zero_stays_zero(write: Form, x: str, y: str) -> str:
    """X * y with 0 where y is 0; x / y, x log(1 + y) and x log(y) with 0 where x is 0."""
    kind = write.kind
    if kind == "Xdivy":
        result = write("Div", x, y)
    elif kind == "MulNoNan":
        result = write("Mul", x, y)
    else:
        base = write("Add", y, write.like(1)) if kind == "Xlog1py" else y
        result = write("Mul", x, write("Log", base))
    zero = write.like(0)
    return write("Where", write("Equal", y if kind == "MulNoNan" else x, zero), zero, result)


@form("SparseMatMul")
def sparse_mat_mul(write: Form, a: str, b: str) -> str:
    """A product of matrices that hold many zeros."""
    sides = [
        write("Transpose", side, perm=[1, 0]) if write.attr(f"transpose_{name}", 0) else side
        for name, side in (("a", a), ("b", b))
    ]
    return write("MatMul", *sides)


@form("UnravelIndex")
def unravel_index(write: Form, indices: str, dims: str) -> str:
    """The coordinates of flat indices: one row for each axis."""
    products = write.known(1)
    strides = np.append(np.cumprod(products[::-1])[::-1][1:], 1).reshape(-1, *[1] * write.rank)
    whole = write("Div", write.unsqueeze(indices, 0), write.like(strides))
    return write("Mod", whole, write.like(products.reshape(strides.shape)))


@form("LeftShift", "RightShift")
def shift(write: Form, x: str, y: str) -> str:
    """X * 2^y, and x / 2^y rounded down: ONNX shifts unsigned integers only."""
    unsigned = np.dtype(f"uint{max(32, write.dtype.itemsize * 8)}")
    if write.dtype.itemsize < 4:
        unsigned = np.dtype("uint32")
    direction = "LEFT" if write.kind == "LeftShift" else "RIGHT"

    def shifted(value: str) -> str:
        moved = write("BitShift", write.cast(value, unsigned), write.cast(y, unsigned), direction=direction)
        return write.cast(moved, write.dtype)

    if direction == "LEFT" or np.issubdtype(write.dtype, np.unsignedinteger):
        return shifted(x)
    # of a negative number, that of its complement, complemented
    minus_one = write.like(-1)
    below = write("Sub", minus_one, shifted(write("Sub", minus_one, x)))
    return write("Where", write("Less", x, write.like(0)), below, shifted(x))


@form("PopulationCount", since=14)
def population_count(write: Form, x: str) -> str:
    """The number of bits that are set."""
    bits = 8 * write.dtype_of(x).itemsize
    own = write.cast(write.cast(x, f"uint{bits}"), np.uint64)
    places = write.const(np.arange(bits), np.uint64)
    each = write(
        "Mod", write("BitShift", write.unsqueeze(own, -1), places, direction="RIGHT"), write.const(2, np.uint64)
    )
    return write.cast(write.reduce("Sum", write.cast(each, np.int64), [-1]), np.uint8)


@form("HistogramFixedWidth")
def histogram_fixed_width(write: Form, values: str, limits: str, bins: str) -> str:
    """How many values lie in each of `bins` ranges of equal width; those beyond the ends count in the outer ones."""
    flat = write.reshape(values, [-1])
    low, high = (write("Gather", limits, write.const(index)) for index in (0, 1))
    share = write("Div", write("Sub", flat, low), write("Sub", high, low))
    count = write.cast(bins, np.int64)
    scaled = write("Floor", write("Mul", share, write.cast(count, write.dtype_of(values))))
    place = write(
        "Min", write("Max", write.cast(scaled, np.int64), write.const(0)), write("Sub", count, write.const(1))
    )
    each = write("Equal", write.unsqueeze(place, 0), write.unsqueeze(write.arange(count), 1))
    return write.cast(write.reduce("Sum", write.cast(each, np.int64), [1]), write.dtype)


@form("SoftmaxCrossEntropyWithLogits")
def softmax_cross_entropy(write: Form, logits: str, labels: str) -> tuple[str, str]:
    """The loss of each row, and its gradient."""
    logarithms = write("LogSoftmax", logits, axis=-1)
    loss = write("Neg", write.reduce("Sum", write("Mul", labels, logarithms), [1]))
    return loss, write("Sub", write("Softmax", logits, axis=-1), labels)


@form("SparseSoftmaxCrossEntropyWithLogits")
def sparse_softmax_cross_entropy(write: Form, logits: str, labels: str) -> tuple[str, str]:
    """The loss of each row, whose label is a number, and its gradient."""
    rows = write.unsqueeze(write.cast(labels, np.int64), 1)
    loss = write("Neg", write.squeeze(write("GatherElements", write("LogSoftmax", logits, axis=-1), rows, axis=1), 1))
    marked = write("Equal", write.unsqueeze(write.arange(write.size(logits, 1)), 0), rows)
    return loss, write("Sub", write("Softmax", logits, axis=-1), write.cast(marked, write.dtype))


@form("AsString")
def as_string(write: Form, x: str) -> str:
    """Integers and booleans as text; a float's digits are the C library's."""
    dtype = write.dtype_of(x)
    if np.issubdtype(dtype, np.bool_):
        return write("Where", x, write.const("true", object), write.const("false", object))
    if not np.issubdtype(dtype, np.integer) or any(write.attr(name, -1) != -1 for name in ("precision", "width")):
        raise ValueError("ONNX writes numbers as text with other digits: format integers without a width")
    return write.cast(x, object)
