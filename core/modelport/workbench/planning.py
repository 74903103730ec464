"""plan(): what a conversion would do, without doing it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import onnx_ir as ir

from modelport import opset
from modelport.loading.open_model import find_plugin, signature_of, user_options
from modelport.plugins import Plugin, registry
from modelport.plugins.options import split_options
from modelport.spec import HUB, Options, PlannedOp


class Plan(msgspec.Struct):
    """What a conversion would do.

    Attributes:
        route: the frameworks that it passes through, in order.
        opset: of the ONNX model on the way.
        ops: every operator of that model and how the target would express it; empty where the target's plugin does not say.
        notes: how the operators were learned.
    """

    source: str
    target: str
    route: list[str]
    opset: int | None = None
    ops: list[PlannedOp] = []
    notes: list[str] = []

    @property
    def unsupported(self) -> list[PlannedOp]:
        """The operators that the target cannot express."""
        return [op for op in self.ops if op.status == "unsupported"]


def plan(
    source: Any,
    to: str,
    *,
    from_: str | None = None,
    inputs: Sequence[str] = (),
    trust: bool = False,
    trust_types: Sequence[str] = (),
    factory: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Plan:
    """Tell the route of a conversion and what becomes of each operator.

    The operators of a source that is not ONNX are known once it is exported; that is done in memory, and nothing is written.

    Args:
        source: a path, or a model in memory.
        to: the target framework.
        from_, inputs, trust, trust_types, factory, options: as for `modelport.convert`.

    Raises:
        ModelportError: when the source cannot be read or exported, or there is no such route.
    """
    said = user_options(inputs, factory=factory, trust=trust, trust_types=trust_types)
    origin, target = find_plugin(source, from_), registry().get(to)
    origin.require("to_onnx")
    if target.key != HUB:
        target.require("from_onnx")
    mine, theirs = split_options([origin.framework, target.framework], options or {})
    given = replace(said, values=mine)
    name = str(source) if isinstance(source, str | Path) else type(source).__qualname__
    found = Plan(name, target.key, [key for key, _ in itertools.groupby([origin.key, HUB, target.key])])
    model = _exported(source, origin, given)
    found.opset = opset.opset_of(model)
    found.notes = list(given.notes)
    if origin.key != HUB:
        found.notes.append(f"the operators are those that {origin.framework.title} was exported to, unproven")
    if target.has("plan"):
        found.ops = list(target.call("plan", model=model, options=Options(theirs, trust=trust)))
    elif target.key != HUB:
        found.notes.append(f"the {target.key} plugin does not say which operators it can express")
    return found


def _exported(source: Any, origin: Plugin, options: Options) -> ir.Model:
    model = origin.call("load", source=Path(source), options=options) if isinstance(source, str | Path) else source
    signature = signature_of(origin, model, options)
    exported = origin.call("to_onnx", model=model, signature=signature, opset=opset.DEFAULT_OPSET, options=options)
    return exported if isinstance(exported, ir.Model) else ir.from_proto(exported)
