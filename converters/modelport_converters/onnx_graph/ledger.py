"""What becomes of every operator that the installed onnx defines, for one target."""

from __future__ import annotations

from dataclasses import dataclass

from onnx import defs

from modelport_converters.onnx_graph.registry import Registry


@dataclass(frozen=True)
class Entry:
    """One operator: status is "native", "inlined", "refused" or "open", the last for one not accounted for."""

    domain: str
    name: str
    version: int
    status: str
    reason: str = ""


def entries(registry: Registry) -> list[Entry]:
    """Return an entry for each operator in its newest version, sorted by domain and name."""
    found = [_entry(registry, schema) for schema in defs.get_all_schemas()]
    return sorted(found, key=lambda entry: (entry.domain, entry.name))


def table(registry: Registry) -> str:
    """Return the entries as a Markdown table."""
    head = [f"## {registry.target}", "", "| operator | version | domain | status | reason |", "|---|---|---|---|---|"]
    rows = [
        f"| {e.name} | {e.version} | {e.domain or 'ai.onnx'} | {e.status} | {e.reason} |" for e in entries(registry)
    ]
    extra = [f"| {name} | | com.microsoft | native | |" for name in sorted(registry.names("com.microsoft"))]
    return "\n".join([*head, *rows, *extra, ""])


def _entry(registry: Registry, schema: defs.OpSchema) -> Entry:
    key = schema.domain, schema.name
    if registry.find(*key) is not None:
        return Entry(*key, schema.since_version, "native")
    if reason := registry.refusal(*key):
        return Entry(*key, schema.since_version, "refused", reason)
    if schema.has_function or schema.has_context_dependent_function:
        return Entry(*key, schema.since_version, "inlined")
    return Entry(*key, schema.since_version, "open")
