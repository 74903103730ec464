"""Operator coverage of one target: the status of every operator that the installed onnx defines, and of others known."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from onnx import defs

from modelport_converters.onnx_graph.registry import Registry, Traits
from modelport_converters.onnx_graph.schemas import Key, body_ops, has_body

Status = Literal["native", "inlined", "upgraded", "refused", "open"]

MEANING: dict[Status, str] = {
    "native": "a function of its own",
    "inlined": "replaced by the operators that define it, all of which the target has",
    "upgraded": "deprecated: another takes its place when a model is carried to the newest opset",
    "refused": "named, with the reason, before anything is converted",
    "open": "not accounted for",
}
"""What each status says."""


@dataclass(frozen=True)
class Entry:
    """The coverage of one operator.

    Attributes:
        domain: "" for ai.onnx.
        name: as in the schema.
        version: the newest; None for an operator that onnx does not define.
        status: see MEANING.
        reason: why it is refused.
    """

    domain: str
    name: str
    version: int | None
    status: Status
    reason: str = ""


def entries(registry: Registry[Traits]) -> list[Entry]:
    """Return an entry for each operator in its newest version, sorted by domain and name."""
    versions: dict[Key, int | None] = dict.fromkeys(registry.keys())
    versions |= {(schema.domain, schema.name): schema.since_version for schema in defs.get_all_schemas()}
    return [_entry(registry, key, versions[key]) for key in sorted(versions)]


def table(registry: Registry[Traits]) -> str:
    """Return the entries as a section of Markdown: counts, then a table."""
    found = entries(registry)
    counts = Counter(entry.status for entry in found)
    lines = [f"- {status}: {counts[status]} ({meaning})" for status, meaning in MEANING.items() if counts[status]]
    head = ["| operator | version | domain | status | reason |", "|---|---|---|---|---|"]
    rows = [
        f"| {e.name} | {e.version or ''} | {e.domain or 'ai.onnx'} | {e.status} | {e.reason.replace('|', '&#124;')} |"
        for e in found
    ]
    return "\n".join([f"## {registry.target}", "", *lines, "", *head, *rows, ""])


def _entry(registry: Registry[Traits], key: Key, version: int | None) -> Entry:
    if registry.find(*key) is not None:
        return Entry(*key, version, "native")
    if reason := registry.refusal(*key):
        return Entry(*key, version, "refused", reason)
    if _expressible(registry, key, frozenset()):
        return Entry(*key, version, "inlined")
    return Entry(*key, version, "upgraded" if _is_upgraded(key) else "open")


def _is_upgraded(key: Key) -> bool:
    """Tell whether onnx's version converter, which knows ai.onnx only, replaces an operator."""
    domain, name = key
    return domain == "" and defs.has(name) and defs.get_schema(name).deprecated


def _expressible(registry: Registry[Traits], key: Key, within: frozenset[Key]) -> bool:
    """Tell whether the target has an operator or, recursively, all those in its function body."""
    if registry.find(*key) is not None:
        return True
    if key in within or not has_body(key):
        return False
    return all(_expressible(registry, other, within | {key}) for other in body_ops(key))
