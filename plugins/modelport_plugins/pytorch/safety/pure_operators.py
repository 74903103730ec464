"""The allow-list of PyTorch's operators: pure ones, without side effects, run without --trust.

Named as in PyTorch's registry, ``namespace::name``. Of the namespaces that PyTorch itself fills an operator is pure when its
schema says so: without a text (but for the usual ones) and without a remote reference, it has nothing to open a file, a library
or a connection by.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

_NAMESPACES = frozenset({"aten", "prims", "quantized", "_quantized", "sparse"})

_TYPES = re.compile(
    r"(?:Tensor|int|float|bool|complex|number|Device|Generator|Storage|Stream|NoneType|QScheme|AnyEnumType|Any|Future"
    r"|List|Optional|Dict|Tuple|__torch__\.torch\.classes\.(?:quantized|rnn|sparse)\.\w+|t|t1|t2|tVal|str|[][, ])+"
)
"""Types of values that live in memory; text is admitted by the names below alone."""

_TEXTS = frozenset({
    "UPLO", "a", "activation", "algorithm", "api_name", "approximate", "assert_msg", "b", "chars", "device_type",
    "dict", "driver", "el", "equation", "fillchar", "idx", "indexing", "input", "inputs", "interpolation", "item",
    "key", "l", "message", "mode", "new", "norm", "old", "ord", "p", "pad_mode", "padding", "padding_side",
    "reduce", "rounding_mode", "s", "self", "separator", "side", "string", "substr", "t", "to_add", "type",
    "values",
})  # fmt: skip
"""Arguments that may be text: what is computed on, and names of modes. A file's name is none of them."""

_IMPURE = frozenset({
    "aten::_cufft_clear_plan_cache", "aten::_cufft_set_plan_cache_max_size", "aten::_print",
    "aten::_sparse_bsc_tensor_unsafe", "aten::_sparse_bsr_tensor_unsafe", "aten::_sparse_compressed_tensor_unsafe",
    "aten::_sparse_coo_tensor_unsafe", "aten::_sparse_csc_tensor_unsafe", "aten::_sparse_csr_tensor_unsafe",
    "aten::from_file", "aten::manual_seed", "aten::save", "aten::seed",
})  # fmt: skip
"""What writes to the terminal, changes the state of the process or takes indices unchecked, whatever its schema says."""

_PRIMITIVES = frozenset(f"prim::{name}" for name in (
    "AutogradAdd", "AutogradAllNonZero", "AutogradAllZero", "AutogradAnyNonZero", "AutogradZero", "BroadcastSizes",
    "ChunkSizes", "ConstantChunk", "EnumName", "EnumValue", "IfThenElse", "MMBatchSide", "MMTreeReduce",
    "ModuleContainerIndex", "NumToTensor", "RaiseException", "ReductionSizes", "StringIndex", "TupleIndex",
    "TupleUnpack", "Uninitialized", "VarConcat", "VarStack", "abs", "awaitable_nowait", "awaitable_wait", "data",
    "device", "dtype", "grad", "id", "index", "is_cpu", "is_cuda", "is_ipu", "is_maia", "is_meta", "is_mkldnn",
    "is_mps", "is_mtia", "is_nested", "is_quantized", "is_sparse", "is_sparse_csr", "is_vulkan", "is_xla", "is_xpu",
    "itemsize", "layout", "max", "min", "name", "nbytes", "rangelist", "requires_grad", "shape", "tolist", "type",
    "unchecked_cast", "unchecked_unwrap_optional",
))  # fmt: skip
"""The interpreter's own operators, without those that print, call Python or other machines, or read the clock."""

_HIGHER_ORDER = frozenset(f"higher_order::{name}" for name in (
    "associative_scan", "cond", "flex_attention", "map", "map_impl", "scan", "tag_activation_checkpoint",
    "while_loop", "wrap", "wrap_with_autocast", "wrap_with_set_grad_enabled",
))  # fmt: skip
"""Operators on graphs, whose graphs are checked as well."""

_QUANTIZED_DECOMPOSED = frozenset(f"quantized_decomposed::{name}" for name in (
    "choose_qparams", "choose_qparams_per_token", "choose_qparams_per_token_asymmetric", "choose_qparams_symmetric",
    "convert_element_type", "dequantize_per_channel", "dequantize_per_channel_group", "dequantize_per_tensor",
    "dequantize_per_token", "fake_quant_per_channel", "quantize_per_channel", "quantize_per_channel_group",
    "quantize_per_tensor", "quantize_per_token",
))  # fmt: skip
"""Defined in Python, and registered only once torch.ao is imported."""

_PYTHON = frozenset({
    "_operator.add", "_operator.and_", "_operator.eq", "_operator.floordiv", "_operator.ge", "_operator.getitem",
    "_operator.gt", "_operator.le", "_operator.lshift", "_operator.lt", "_operator.mod", "_operator.mul",
    "_operator.ne", "_operator.neg", "_operator.not_", "_operator.or_", "_operator.pos", "_operator.pow",
    "_operator.rshift", "_operator.sub", "_operator.truediv", "math.acos", "math.asin", "math.atan", "math.ceil",
    "math.cos", "math.cosh", "math.floor", "math.sin", "math.sinh", "math.sqrt", "math.tan", "math.tanh",
    "math.trunc", "torch.sym_float", "torch.sym_int", "torch.sym_ite", "torch.sym_max", "torch.sym_min",
    "torch.sym_not", "torch.sym_sqrt", "torch._sym_sqrt", "torch._C._set_grad_enabled",
    "torch.amp.autocast_mode._enter_autocast", "torch.amp.autocast_mode._exit_autocast",
})  # fmt: skip
"""Functions of Python on sizes that torch.export leaves in its programs, by the names it gives them."""

OBJECTS = re.compile(r"__torch__\.torch\.classes\.(?:quantized|rnn|sparse)\.\w+")
"""Classes written in C++ whose objects hold packed weights and nothing else."""


def is_pure(operator: str) -> bool:
    """Whether an operator, given as ``namespace::name``, may run without trust."""
    return operator in _PRIMITIVES | _HIGHER_ORDER | _QUANTIZED_DECOMPOSED or operator in _registered()


def is_pure_target(target: str) -> bool:
    """Whether a node of an exported program may run without trust: ``torch.ops.aten.relu.default``, ``_operator.add``."""
    match = re.fullmatch(r"torch\.ops\.(\w+)\.(\w+)(?:\.[A-Za-z]\w*)?", target)
    return target in _PYTHON or bool(match and is_pure(f"{match[1]}::{match[2]}"))


@cache
def impure_methods() -> frozenset[str]:
    """Return the names of registered operators that TorchScript calls as methods of any value, and that are not pure."""
    import torch

    names = {schema.name for schema in torch._C._jit_get_all_schemas()}
    return frozenset(name.removeprefix("aten::") for name in names if name.startswith("aten::") and not is_pure(name))


@cache
def _registered() -> frozenset[str]:
    import torch

    pure: dict[str, bool] = {}
    for schema in torch._C._jit_get_all_schemas():
        if schema.name.partition("::")[0] in _NAMESPACES:
            pure[schema.name] = pure.get(schema.name, True) and _is_harmless(schema)
    return frozenset(name for name, harmless in pure.items() if harmless) - _IMPURE


def _is_harmless(schema: Any) -> bool:
    values = [(argument.name, str(argument.type)) for argument in schema.arguments]
    results = [str(result.type) for result in schema.returns]
    return all(_TYPES.fullmatch(text) for text in [*results, *(text for _, text in values)]) and all(
        name in _TEXTS for name, text in values if re.search(r"\bstr\b", text)
    )
