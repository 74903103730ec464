"""The page of a conversion."""

from __future__ import annotations

from pathlib import Path

from modelport.report import Report
from modelport.workbench.page import Block, Cell, Page, Section, Tone, count, exact, seconds, size
from modelport.workbench.pages import common, failure
from modelport.workbench.pages.proof import largest, proof_blocks

_VERDICTS: dict[str, tuple[str, Tone]] = {
    "proven": ("Proven", "good"),
    "failed": ("Not equivalent", "bad"),
    "incomplete": ("Not provable", "bad"),
    "unproven": ("Unproven", "warn"),
}


def page(report: Report) -> Page:
    """Describe a conversion, finished or failed."""
    verdict, tone = _VERDICTS[report.verdict]
    if report.error and report.verdict not in ("failed", "incomplete"):
        verdict, tone = "Failed", "bad"
    proofs: list[Block] = []
    for proof in report.proofs:
        proofs += proof_blocks(proof, titled=len(report.proofs) > 1)
    sections = [
        Section("What went wrong", failure.blocks(report.error) if report.error else []),
        Section("Proof", proofs),
        Section("Stages", common.stages(report.stages)),
        Section("Model", common.facts(_facts(report))),
        Section("Notes", common.remarks(report.notes, report.warnings)),
        common.versions(report.versions),
    ]
    return Page(
        kind="Conversion, " + " → ".join(report.route) if report.route else "Conversion",
        title=_title(report),
        verdict=verdict,
        tone=tone,
        headline=_headline(report),
        key_figures=_key_figures(report),
        sections=sections,
        made_by=f"modelport {report.modelport}",
    )


def _title(report: Report) -> str:
    source = report.source if report.source.endswith(" in memory") else Path(report.source).name
    return f"{source} → {Path(report.target).name if report.target else 'memory'}"


def _headline(report: Report) -> str:
    if report.error:
        return failure.first_line(report.error) + " Nothing was delivered."
    if report.verdict == "unproven":
        return "The result passed the checker. Whether it computes the same was not asked: the proof was skipped."
    proof = report.proofs[-1]
    values = sum(figures.elements for figures in proof.outputs)
    outputs = "the output" if len(proof.outputs) == 1 else f"{len(proof.outputs)} outputs"
    return (
        f"{count(values).text} values of {outputs} in {len(proof.cases)} cases agree with {proof.reference} "
        f"within rtol {exact(proof.rtol)} and atol {exact(proof.atol)}."
    )


def _key_figures(report: Report) -> list[tuple[str, Cell]]:
    figures: list[tuple[str, Cell]] = []
    if report.proofs:
        figures += [("largest difference", largest(report.proofs)), ("cases", count(len(report.proofs[-1].cases)))]
    if report.size_bytes is not None:
        figures.append(("size", size(report.size_bytes)))
    if report.opset is not None:
        figures.append(("opset", Cell(str(report.opset), report.opset)))
    return [*figures, ("time", seconds(report.seconds))]


def _facts(report: Report) -> list[tuple[str, str | None]]:
    return [
        ("source", report.source),
        ("source SHA-256", report.source_sha256),
        ("route", " → ".join(report.route)),
        ("inputs", "\n".join(report.inputs)),
        ("outputs", "\n".join(report.outputs)),
        ("opset", str(report.opset) if report.opset else None),
        ("delivered", "\n".join(report.files) or ("in memory" if report.status == "delivered" else "nothing")),
        ("replaced", "\n".join(report.replaced)),
        ("bytes", count(report.size_bytes).text if report.size_bytes is not None else None),
    ]
