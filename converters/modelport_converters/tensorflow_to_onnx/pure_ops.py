"""The allow-list of pure operators: those that change nothing but tensors, variables and tables in memory."""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any

from modelport_converters.tensorflow_to_onnx.quiet_import import import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Mapping

_FAMILIES = (
    "array", "audio", "bitwise", "candidate_sampling", "clustering", "composite_tensor", "control_flow", "count", "ctc",
    "cudnn_rnn", "functional", "image", "linalg", "list", "logging", "lookup", "manip", "map", "math", "nn", "optional",
    "parsing", "ragged_array", "ragged_conversion", "ragged_math", "random", "random_index_shuffle", "resource_variable", "rnn",
    "set", "sparse", "special_math", "spectral", "state", "stateful_random", "stateless_random", "stateless_random_ops_v2",
    "string", "training", "uniform_quant",
)  # fmt: skip
"""Families of operators, by TensorFlow's generated modules, that are pure except for `_IMPURE`."""

_SINGLE = ("DynamicPartition", "DynamicStitch", "ParallelDynamicStitch", "ShardedFilename")
"""Pure operators of other families; the rest of data_flow, without `_PREFIXES`, are queues, which may block."""

_PREFIXES = ("TensorArray", "Stack")

_IMPURE = ("Abort", "ImmutableConst", "RemoteCall")
"""Operators of these families that end the process, map a file into memory, or run on another machine."""

RESTORING = frozenset({"Restore", "RestoreSlice", "RestoreV2"})
"""Operators that read checkpoints."""

SAVING = frozenset({"MergeV2Checkpoints", "Save", "SaveSlices", "SaveV2"})
"""Operators that write checkpoints."""

TABLE_FILES = frozenset({"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"})
"""Operators that fill a table from the lines of a file, named by their input 1."""

_STREAMS = {b"stdout", b"stderr", b"log(info)", b"log(warning)", b"log(error)"}


@cache
def operators() -> frozenset[str]:
    """Return the names of the pure operators of the installed TensorFlow."""
    import_tensorflow()
    family = [
        name for module in _FAMILIES for name in _names(f"gen_{module}{'' if module.endswith('_v2') else '_ops'}")
    ]
    flow = [name for name in _names("gen_data_flow_ops") if name.startswith(_PREFIXES)]
    return frozenset({*family, *flow, *_SINGLE}.difference(_IMPURE))


@cache
def registered(name: str) -> bool:
    """Whether an operator of this name is registered in TensorFlow."""
    import_tensorflow()
    registry: Any = importlib.import_module("tensorflow.python.framework.op_def_registry")
    return registry.get(name) is not None


def computes(operator: str) -> bool:
    """Whether an operator is pure whatever its attributes and inputs are."""
    return operator in operators() - TABLE_FILES - {"FixedUnigramCandidateSampler", "PrintV2"}


def impurity(operator: str, attributes: Mapping[str, Any]) -> str | None:
    """Return why an operator is not pure; None for a pure one.

    Args:
        operator: its name.
        attributes: of its node, by name: AttrValue protos.
    """
    if operator not in operators():
        return "is not among the operators that are known to touch neither files, nor the network, nor other code"
    if operator == "PrintV2" and attributes["output_stream"].s not in {b"", *_STREAMS}:
        return "writes to a file"
    if operator == "FixedUnigramCandidateSampler" and attributes["vocab_file"].s:
        return "reads a file"
    return None


def _names(module: str) -> list[str]:
    """Return the operators that a module of TensorFlow's generated wrappers holds."""
    wrappers = vars(importlib.import_module(f"tensorflow.python.ops.{module}"))
    return [name for name in wrappers if name[0].isupper() and registered(name)]
