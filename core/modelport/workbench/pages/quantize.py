"""The page of a quantisation."""

from __future__ import annotations

from pathlib import Path

from modelport.workbench import page as made
from modelport.workbench.page import NOTHING, Block, Cell, Figures, Page, Section, Table, Tone
from modelport.workbench.pages import common, failure
from modelport.workbench.quantize.records import OutputError, QuantizeReport

_VERDICTS: dict[str, tuple[str, Tone]] = {
    "within budget": ("Within budget", "good"),
    "exceeded": ("Budget exceeded", "bad"),
}


def page(report: QuantizeReport) -> Page:
    """Describe a quantisation, finished or failed."""
    verdict, tone = _VERDICTS.get(report.verdict, ("Not measured", "warn"))
    if report.error and tone != "bad":
        verdict, tone = "Failed", "bad"
    return Page(
        kind=f"Quantisation, {report.mode}",
        title=f"{Path(report.source).name} → {Path(report.target).name if report.target else 'memory'}",
        verdict=verdict,
        tone=tone,
        headline=_headline(report),
        key_figures=_key_figures(report),
        sections=[
            Section("What went wrong", failure.blocks(report.error) if report.error else []),
            Section("Loss", _loss(report)),
            Section("Size and speed", _size_and_speed(report)),
            Section("Operators", common.operators(report.ops_before, report.ops_after)),
            Section("Left in float", _left(report)),
            Section("Stages", common.stages(report.stages)),
            Section("Model", common.facts(_facts(report))),
            Section("Notes", common.remarks([*report.notes, *report.refused], report.warnings)),
            common.versions(report.versions),
        ],
        made_by=f"modelport {report.modelport}",
    )


def _headline(report: QuantizeReport) -> str:
    if report.error:
        return failure.first_line(report.error)
    budget = report.budget
    limits = f"an error of {made.exact(budget.max_error)} and a drop of {made.exact(budget.max_drop)} %"
    return (
        f"{len(report.quantized)} nodes are quantised; the loss over {report.cases} cases is judged against {limits}."
    )


def _key_figures(report: QuantizeReport) -> list[tuple[str, Cell]]:
    figures: list[tuple[str, Cell]] = []
    if report.size_bytes and report.size_before_bytes:
        figures.append(("size", made.times(report.size_bytes / report.size_before_bytes)))
    if report.speed:
        figures.append(("time of a run", common.ratio(report.speed.ratio)))
    errors = [error.error for error in report.errors if error.error is not None]
    drops = [error.drop for error in report.errors if error.drop is not None]
    if errors:
        figures.append(("largest error", made.small(max(errors))))
    if drops:
        figures.append(("largest drop", _points(max(drops))))
    return [*figures, ("nodes quantised", made.count(len(report.quantized)))]


def _loss(report: QuantizeReport) -> list[Block]:
    if not report.errors:
        return []
    columns = ("error", "largest difference", "mean", "cosine", "decisions", "drop", "top-k agreement", "accuracy before",
               "accuracy after", "remark")  # fmt: skip
    rows = [[Cell(error.figures.output), *_cells(error, report)] for error in report.errors]
    caption = (
        f"{report.candidate} against {report.reference} over {report.cases} cases; the error is the norm of the difference "
        "relative to the norm of the reference"
    )
    blocks: list[Block] = [Table(caption, ("output", *columns), rows, len(rows) > 14).without_empty_columns()]
    named = {error.figures.output: _error(error, report) for error in report.errors if error.error is not None}
    if not named:
        return blocks
    limit = report.budget.max_error
    said = f"{len(named)} outputs; a line marks the budget of {made.exact(limit)}."
    title = f"Error of each output; the budget is {made.exact(limit)}"
    return [*blocks, common.bars(title, said, ("output", "error"), named, limit)]


def _cells(error: OutputError, report: QuantizeReport) -> list[Cell]:
    figures = error.figures
    over = error.judged and error.drop is not None and error.drop > report.budget.max_drop
    return [
        _error(error, report) if error.error is not None else NOTHING,
        made.small(figures.max_abs),
        made.small(figures.mean_abs),
        NOTHING if figures.cosine is None else Cell(f"{figures.cosine:.6f}", figures.cosine),
        made.count(error.rows) if error.rows else NOTHING,
        NOTHING if error.drop is None else _points(error.drop, "bad" if over else ""),
        NOTHING if error.top_k_agreement is None else made.percent(error.top_k_agreement),
        NOTHING if error.accuracy_before is None else _points(error.accuracy_before),
        NOTHING if error.accuracy_after is None else _points(error.accuracy_after),
        Cell(figures.reason, tone="bad") if figures.reason else NOTHING,
    ]


def _error(error: OutputError, report: QuantizeReport) -> Cell:
    assert error.error is not None
    return made.small(error.error, "bad" if error.error > report.budget.max_error else "")


def _points(percent: float, tone: Tone = "") -> Cell:
    return Cell(f"{percent:.2f}\N{NO-BREAK SPACE}%", percent, tone)


def _size_and_speed(report: QuantizeReport) -> list[Block]:
    charts: list[Figures] = []
    speed = report.speed
    if report.size_bytes and report.size_before_bytes:
        sizes = made.size(report.size_before_bytes), made.size(report.size_bytes)
        charts.append(common.before_and_after("Size of the model", "size", *sizes))
    if speed:
        at = ", ".join(f"{symbol}={size}" for symbol, size in speed.sizes.items())
        times = made.seconds(speed.before_seconds), made.seconds(speed.after_seconds)
        charts.append(common.before_and_after(f"Median time of a run{f' at {at}' if at else ''}", "time", *times))
    blocks: list[Block] = [Figures([chart for figures in charts for chart in figures.charts])] if charts else []
    return [*blocks, *common.remarks([common.speed(speed.ratio, speed.rounds)])] if speed else blocks


def _left(report: QuantizeReport) -> list[Block]:
    blocks: list[Block] = []
    if report.left_by_auto:
        measured = {name: group.error for group in report.sensitivities for name in group.nodes}
        rows = [[Cell(name), made.small(measured.get(name))] for name in report.left_by_auto]
        caption = "Left in float by --auto, those that hurt most first, with the error of quantising them alone"
        blocks.append(Table(caption, ("node", "error"), rows, len(rows) > 14))
    if report.excluded:
        blocks.append(
            Table(
                "Left in float as asked",
                ("node",),
                [[Cell(name)] for name in report.excluded],
                len(report.excluded) > 14,
            )
        )
    return blocks


def _facts(report: QuantizeReport) -> list[tuple[str, str | None]]:
    opset = f"{report.opset_before} → {report.opset}" if report.opset_before != report.opset else str(report.opset)
    return [
        ("source", report.source),
        ("source SHA-256", report.source_sha256),
        ("mode", report.mode),
        ("inputs", "\n".join(report.inputs)),
        ("outputs", "\n".join(report.outputs)),
        ("inputs and outputs kept in", report.io),
        ("opset", opset if report.opset else None),
        ("delivered", "\n".join(report.files) or "nothing"),
    ]
