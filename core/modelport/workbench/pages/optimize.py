"""The page of an optimisation."""

from __future__ import annotations

from pathlib import Path

from modelport.workbench import page as made
from modelport.workbench.optimize.records import OptimizeReport
from modelport.workbench.page import Block, Cell, Figures, Page, Section, Tone
from modelport.workbench.pages import common, failure
from modelport.workbench.pages.proof import largest, proof_blocks
from modelport.workbench.timing import Ratio


def page(report: OptimizeReport) -> Page:
    """Describe an optimisation, finished, failed, or kept back because it was slower."""
    verdict, tone = _verdict(report)
    return Page(
        kind=f"Optimisation, {report.level}",
        title=f"{Path(report.source).name} → {Path(report.target).name if report.target else 'memory'}",
        verdict=verdict,
        tone=tone,
        headline=_headline(report),
        key_figures=_key_figures(report),
        sections=[
            Section("What went wrong", failure.blocks(report.error) if report.error else []),
            Section("Operators", _operators(report)),
            Section("Size and speed", _size_and_speed(report)),
            Section("Proof", proof_blocks(report.proof, titled=False) if report.proof else []),
            Section("Stages", common.stages(report.stages)),
            Section("Model", common.facts(_facts(report))),
            Section("Notes", common.remarks(report.notes)),
            common.versions(report.versions),
        ],
        made_by=f"modelport {report.modelport}",
    )


def _verdict(report: OptimizeReport) -> tuple[str, Tone]:
    if report.error:
        return "Failed", "bad"
    if report.status == "kept":
        return "Not written", "warn"
    if report.speed and report.speed.slower:
        return "Proven, but slower", "warn"
    return ("Proven", "good") if report.verdict == "proven" else ("Unproven", "warn")


def _headline(report: OptimizeReport) -> str:
    if report.error:
        return failure.first_line(report.error) + " Nothing was delivered."
    said = []
    if report.before and report.after:
        said.append(f"{made.count(report.before.nodes).text} nodes became {made.count(report.after.nodes).text}.")
    if report.speed:
        said.append(_said_of_speed(report.speed.ratio))
    if report.status == "kept":
        said.append("The result is slower and was not written, as asked.")
    elif not report.portable:
        said.append("It is for ONNX Runtime alone.")
    return " ".join(said)


def _said_of_speed(ratio: Ratio) -> str:
    interval = f"(95\N{NO-BREAK SPACE}% interval of the ratio {common.interval(ratio)})"
    if not ratio.differs:
        return f"A run takes as long as before, as far as could be measured {interval}."
    return f"A run takes {made.times(ratio.value).text} the time of the source's {interval}."


def _key_figures(report: OptimizeReport) -> list[tuple[str, Cell]]:
    figures: list[tuple[str, Cell]] = []
    if report.speed:
        figures.append(("time of a run", common.ratio(report.speed.ratio)))
    if report.before and report.after:
        figures.append(("nodes", made.count(report.after.nodes)))
        figures.append(("size", made.size(report.after.size_bytes)))
    if report.proof:
        figures.append(("largest difference", largest([report.proof])))
    return [*figures, ("opset", Cell(str(report.opset), report.opset))] if report.opset else figures


def _operators(report: OptimizeReport) -> list[Block]:
    if not report.before or not report.after:
        return []
    return common.operators(report.before.operators, report.after.operators)


def _size_and_speed(report: OptimizeReport) -> list[Block]:
    charts: list[Figures] = []
    before, after, speed = report.before, report.after, report.speed
    if before and after:
        charts.append(
            common.before_and_after(
                "Size of the model", "size", made.size(before.size_bytes), made.size(after.size_bytes)
            )
        )
    if speed:
        times = made.seconds(speed.before_seconds), made.seconds(speed.after_seconds)
        charts.append(common.before_and_after(f"Median time of a run on {', '.join(speed.inputs)}", "time", *times))
    blocks: list[Block] = [Figures([chart for figures in charts for chart in figures.charts])] if charts else []
    return [*blocks, *common.remarks([common.speed(speed.ratio, speed.rounds)])] if speed else blocks


def _facts(report: OptimizeReport) -> list[tuple[str, str | None]]:
    return [
        ("source", report.source),
        ("source SHA-256", report.source_sha256),
        ("level", report.level + ("" if report.portable else ", for ONNX Runtime alone")),
        ("inputs", "\n".join(report.inputs)),
        ("outputs", "\n".join(report.outputs)),
        ("opset", str(report.opset) if report.opset else None),
        ("delivered", "\n".join(report.files) or "nothing"),
    ]
