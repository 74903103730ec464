"""What the terminal shows: progress and summaries on stderr, results asked for on stdout."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from modelport.cli.escapes import visible, visible_json, visible_line
from modelport.safety.memory import written

if TYPE_CHECKING:
    from modelport.report import Figures, Proof, Report
    from modelport.workbench.inspection import Inspection
    from modelport.workbench.planning import Plan

_STYLES = {"proven": "green", "failed": "red", "incomplete": "red", "unproven": "yellow"}


class Terminal(Console):
    """A console whose texts cannot steer the terminal; styles and tables are rich's own."""

    def __init__(self, *, stderr: bool = False, quiet: bool = False, soft_wrap: bool = False) -> None:
        super().__init__(stderr=stderr, quiet=quiet, soft_wrap=soft_wrap, highlight=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Render a text, whoever wrote it."""
        return super().render_str(visible(text), **options)


class Progress:
    """One line a stage on stderr, with a spinner while it runs on a terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = Terminal(stderr=True, quiet=quiet)
        self._status = self._console.status("")

    def __enter__(self) -> Self:
        self._status.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.__exit__(kind, error, trace)

    def __call__(self, stage: str, seconds: float | None) -> None:
        """Show that a stage starts or, with its seconds, that it has ended."""
        if seconds is None:
            self._status.update(stage)
        else:
            self._console.print(f"[green]✓[/] {stage:<10} {seconds:7.2f} s")


def print_json(record: Any) -> None:
    """Print a record on stdout as JSON, in UTF-8 whatever the locale; what is no text in a path is escaped."""
    try:
        text = msgspec.json.encode(record)
    except UnicodeEncodeError:
        text = msgspec.json.encode(_as_text(msgspec.to_builtins(record)))
    sys.stdout.flush()
    shown = visible_json(msgspec.json.format(text, indent=2).decode())
    sys.stdout.buffer.write(shown.encode() + b"\n")
    sys.stdout.buffer.flush()


def _as_text(value: Any) -> Any:
    """Return a record's parts with the bytes of paths that are not UTF-8 escaped."""
    if isinstance(value, dict):
        return {_as_text(key): _as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def print_report(report: Report) -> None:
    """Print what a conversion delivered and how it was proven."""
    console = Terminal(stderr=True, soft_wrap=True)
    for proof in report.proofs:
        _print_proof(console, proof)
    for note in (*report.notes, *report.warnings):
        console.print(f"note: {note}", markup=False)
    if report.verdict == "unproven":
        console.print("[yellow]unproven[/]: the proof was skipped with --no-verify, and the file says so")
    where = ", ".join(report.files) or "memory"
    opset = f", opset {report.opset}" if report.opset else ""
    for path in report.replaced:
        console.print(f"replaced: {path}", markup=False)
    console.print(f"{' -> '.join(report.route)}: {where} ({written(report.size_bytes or 0)}{opset})", markup=False)


def print_proof(proof: Proof) -> None:
    """Print a proof on stdout."""
    _print_proof(Terminal(soft_wrap=True), proof)


def print_inspection(found: Inspection) -> None:
    """Print what a model file is on stdout."""
    console = Terminal(soft_wrap=True)
    rows: list[tuple[str, list[str]]] = [
        ("file", [found.path]),
        ("framework", [f"{found.framework} ({found.evidence})"]),
        ("size", [written(found.size_bytes)]),
        ("sha256", [found.sha256]),
        ("inputs", found.inputs or [f"unknown: {found.unread}"]),
        ("outputs", found.outputs or ["unknown"]),
    ]
    if found.ir_version is not None:
        rows += [
            ("producer", [found.producer or "unknown"]),
            ("IR version", [str(found.ir_version)]),
            ("opsets", [", ".join(f"{domain} {version}" for domain, version in found.opsets.items())]),
            ("parameters", [f"{found.parameters:,}"]),
            ("operators", [", ".join(f"{name} {count}" for name, count in found.operators.items())]),
            ("provenance", [f"{key}: {value}" for key, value in found.provenance.items()] or ["none"]),
        ]
    table = Table.grid(padding=(0, 2))
    for title, lines in rows:
        table.add_row(f"[bold]{title}[/]", "\n".join(map(plain, lines)))
    console.print(table)


def print_plan(plan: Plan) -> None:
    """Print what a conversion would do on stdout."""
    console = Terminal(soft_wrap=True)
    opset = f", opset {plan.opset}" if plan.opset else ""
    console.print(f"{plan.source}: {' -> '.join(plan.route)}{opset}", markup=False)
    table = Table("operator", "version", "nodes", "status", "reason", box=None, pad_edge=False, padding=(0, 2))
    for op in plan.ops:
        name = op.operator if op.domain == "ai.onnx" else f"{op.domain}.{op.operator}"
        style = {"unsupported": "red", "inlined": "yellow"}.get(op.status)
        reason = f"{op.reason} ({', '.join(op.nodes[:3])}{', …' if len(op.nodes) > 3 else ''})" if op.reason else ""
        table.add_row(plain(name), str(op.version or "-"), str(len(op.nodes)), op.status, plain(reason), style=style)
    if plan.ops:
        console.print(table)
    for note in plan.notes:
        console.print(f"note: {note}", markup=False)
    if plan.ops:
        count = len(plan.unsupported)
        console.print(f"{count} operators are not supported" if count else "every operator is supported")


def print_plugins(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the table of plugins on stdout."""
    console = Terminal()
    table = Table("key", "plugin", "from", "to", "framework", box=None, pad_edge=False)
    for row in rows:
        plugin = f"{row['distribution']} {row['version']}".strip()
        if "error" in row:
            table.add_row(plain(row["key"]), plain(plugin), "", "", f"[red]broken[/]: {plain(row['error'])}")
            continue
        versions = ", ".join(f"{name} {number}" for name, number in row["versions"].items())
        state = versions if row["installed"] else f"not installed: {row['install']}"
        arrows = ["yes" if hook in row["directions"] else "-" for hook in ("to_onnx", "from_onnx")]
        table.add_row(plain(row["key"]), plain(plugin), *arrows, plain(state))
    console.print(table)


def print_options(row: Mapping[str, Any]) -> None:
    """Print one plugin with its options on stdout."""
    console = Terminal(soft_wrap=True)
    names = ", ".join([row["key"], *row["aliases"]])
    console.print(f"{row['title']} ({names}), from {row['distribution']} {row['version']}", markup=False)
    can = " and ".join(direction.replace("_", " ") for direction in row["directions"]) or "nothing"
    console.print(f"can convert {can}; files: {', '.join(row['suffixes']) or 'folders'}", markup=False)
    if not row["installed"]:
        console.print(f"not installed ({', '.join(row['missing'])}): {row['install']}", markup=False)
    if not row["options"]:
        console.print("no options")
        return
    table = Table("-O", "type", "default", "help", box=None, pad_edge=False)
    for option in row["options"]:
        kind = "|".join(option["choices"]) or option["type"]
        table.add_row(*map(plain, (option["name"], kind, str(option["default"]), option["help"])))
    console.print(table)


def _print_proof(console: Console, proof: Proof) -> None:
    style = _STYLES[proof.verdict]
    console.print(
        f"[bold {style}]{proof.verdict}[/] {plain(proof.candidate)} against {plain(proof.reference)}, "
        f"{len(proof.cases)} cases, rtol {proof.rtol:g}, atol {proof.atol:g}"
    )
    for dtype, (rtol, atol) in proof.widened.items():
        console.print(f"  {dtype} outputs: rtol {rtol:g}, atol {atol:g}")
    table = Table("output", "values", "max abs", "max rel", "cosine", "flips", box=None, pad_edge=False, padding=(0, 2))
    for figures in proof.outputs:
        table.add_row(*_cells(figures), style=None if figures.passed else "red")
    console.print(table)
    for note in proof.notes:
        console.print(f"  note: {note}", markup=False)


def _cells(figures: Figures) -> list[str]:
    shown = [figures.max_abs, figures.max_rel]
    cosine = "-" if figures.cosine is None else f"{figures.cosine:.6f}"
    flips = str(figures.flips) if figures.max_abs is None else "-"
    numbers = ["-" if number is None else f"{number:.2e}" for number in shown]
    return [plain(figures.output), f"{figures.elements:,}", *numbers, cosine, flips]


def plain(text: str) -> str:
    """Write a text for a cell: on one line, its square brackets no markup."""
    return escape(visible_line(text))
