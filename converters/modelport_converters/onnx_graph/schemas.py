"""Function bodies in onnx's schemas: operators that are defined by others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onnx import defs

from modelport.model import nodes_in

NEWEST_OPSET = defs.onnx_opset_version()
"""The version of ai.onnx in which every operator is implemented."""

Key = tuple[str, str]
"""A domain and an operator's name."""


def has_body(key: Key, version: int | None = None) -> bool:
    """Tell whether an operator has a function body, in the newest version of its domain or in the one given."""
    schema = _schema(key, version)
    return schema is not None and bool(schema.has_function or schema.has_context_dependent_function)


def body_ops(key: Key, version: int | None = None) -> set[Key]:
    """Return the operators that may occur in the function body of one."""
    schema = _schema(key, version)
    if schema is None:
        return set()
    if schema.has_function:
        return {(node.domain, node.op_type) for node in nodes_in(schema.function_body.node)}
    # A body that depends on the node's types is not known yet: any operator with a body may occur in it.
    schemas: Sequence[Any] = defs.get_all_schemas()
    return {(other.domain, other.name) for other in schemas if other.has_function}


def _schema(key: Key, version: int | None) -> Any:
    """Return the schema, or None; typed as Any because onnx's own types lack its function members."""
    domain, name = key
    if version is None:
        return defs.get_schema(name, domain) if defs.has(name, domain) else None
    return defs.get_schema(name, version, domain) if defs.has(name, version, domain) else None
