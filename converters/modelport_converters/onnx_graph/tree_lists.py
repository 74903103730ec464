"""Detaching the long attributes of tree ensembles from protobuf, which copies each of a forest's millions of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir

_MARK = "modelport_lists"
"""An attribute that stands in for those set aside and says whose they are."""

_LONG = 64
_OPS = frozenset({"TreeEnsembleClassifier", "TreeEnsembleRegressor"})
_PREFIXES = ("nodes_", "class_", "target_")
"""Type inference reads none of these."""

Lists = Mapping[str, ir.Attr]


def set_aside(model: ir.Model) -> list[Lists]:
    """Detach the long attributes of a model's tree ensembles, in place, for `put_back`."""
    found: list[Lists] = []
    for node in model.graph.all_nodes():
        if node.domain != "ai.onnx.ml" or node.op_type not in _OPS:
            continue
        lists = {
            name: value for name, value in node.attributes.items() if name.startswith(_PREFIXES) and _is_long(value)
        }
        for name in lists:
            del node.attributes[name]
        if lists:
            node.attributes[_MARK] = ir.AttrInt64(_MARK, len(found))
            found.append(lists)
    return found


def put_back(model: ir.Model, found: Sequence[Lists]) -> None:
    """Reattach what `set_aside` detached, to the same model or to one made from it."""
    if not found:
        return
    for node in model.graph.all_nodes():
        mark = node.attributes.pop(_MARK, None)
        if mark is not None:
            node.attributes.update(found[mark.as_int()])


def _is_long(value: ir.Attr) -> bool:
    kinds = ir.AttributeType
    if value.type is kinds.TENSOR:
        return value.as_tensor().size > _LONG
    return value.type in (kinds.INTS, kinds.FLOATS, kinds.STRINGS) and len(value.value) > _LONG
