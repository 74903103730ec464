"""The page of a comparison on real data."""

from __future__ import annotations

import math

from modelport.version import __version__
from modelport.workbench import page as made
from modelport.workbench.classes import Guess
from modelport.workbench.compare import CompareReport, SampleComparison
from modelport.workbench.page import NOTHING, Block, Cell, Page, Section, Table, Tone
from modelport.workbench.pages import common, proof

_WORST = 12


def page(report: CompareReport) -> Page:
    """Describe a comparison."""
    verdict, tone = _verdict(report)
    return Page(
        kind="Comparison on real data",
        title=" · ".join(model.title for model in report.models),
        verdict=verdict,
        tone=tone,
        headline=_headline(report),
        key_figures=_key_figures(report),
        sections=[
            Section("Agreement", [_agreement(report)]),
            Section("Samples", [*_worst(report), _samples(report)]),
            Section("Outputs", _outputs(report)),
            Section("Setting", [_models(report), *common.facts(_setting(report))]),
            Section("Notes", common.remarks(report.notes)),
        ],
        made_by=f"modelport {__version__}",
    )


def _verdict(report: CompareReport) -> tuple[str, Tone]:
    if report.top:
        same = all(all(row.same_top1) for row in report.rows)
        return ("Same decisions", "good") if same else ("Decisions differ", "bad")
    agree = all(figures.passed for agreement in report.agreements for figures in agreement.outputs)
    return ("Within tolerance", "good") if agree else ("Outputs differ", "bad")


def _headline(report: CompareReport) -> str:
    reference = report.models[0].title
    if report.top:
        different = sum(not all(row.same_top1) for row in report.rows)
        return f"{report.count - different} of {report.count} samples get the same best class as from {reference}."
    largest = max((agreement.max_difference for agreement in report.agreements), default=0.0)
    return f"Over {report.count} samples no output is further than {made.small(largest).text} from that of {reference}."


def _key_figures(report: CompareReport) -> list[tuple[str, Cell]]:
    figures = [("samples", made.count(report.count))]
    top1 = [agreement.top1 for agreement in report.agreements if agreement.top1 is not None]
    if top1:
        figures.append(("same best class", made.percent(min(top1))))
    largest = max((agreement.max_difference for agreement in report.agreements), default=0.0)
    return [*figures, ("largest difference", made.small(largest)), ("time", made.seconds(report.seconds))]


def _agreement(report: CompareReport) -> Table:
    rows = [
        [
            Cell(agreement.model),
            NOTHING if agreement.top1 is None else made.percent(agreement.top1),
            NOTHING if agreement.topk is None else made.percent(agreement.topk),
            made.small(agreement.max_difference),
            made.count(agreement.flips),
        ]
        for agreement in report.agreements
    ]
    columns = ("model", "same best class", f"common in the best {report.top}", "largest difference", "flips")
    caption = f"Every model against {report.models[0].title}, over {report.count} samples"
    return Table(caption, columns, rows).without_empty_columns()


def _worst(report: CompareReport) -> list[Block]:
    rows = [row for row in report.rows if math.isfinite(row.max_difference) and row.max_difference > 0][:_WORST]
    if not rows:
        return []
    named = {row.sample: made.small(row.max_difference, "" if all(row.same_top1) else "bad") for row in rows}
    said = f"{len(rows)} samples; those with another best class come first, in red."
    return [common.bars("Largest difference of the worst samples", said, ("sample", "difference"), named)]


def _samples(report: CompareReport) -> Table:
    models = [model.title for model in report.models] if report.top else []
    rows = [[Cell(row.sample), *_row(row, len(models), report.probabilities)] for row in report.rows]
    caption = f"Every sample, the worst first{f', with the best {report.top} classes of each model' if models else ''}"
    columns = ("sample", *models, "largest difference", "flips")
    return Table(caption, columns, rows, len(rows) > 14).without_empty_columns()


def _row(row: SampleComparison, models: int, shares: bool) -> list[Cell]:
    tops = [
        Cell(_classes(row.top[index], shares), tone="" if row.same_top1[index] else "bad") for index in range(models)
    ]
    return [*tops, made.small(row.max_difference), made.count(row.flips) if row.flips else NOTHING]


def _classes(guesses: list[Guess], shares: bool) -> str:
    """Write classes with their probabilities or, of a model that gives none, with its scores."""
    return ", ".join(f"{guess.label} {guess.probability:{'.1%' if shares else '.3g'}}" for guess in guesses)


def _outputs(report: CompareReport) -> list[Block]:
    blocks: list[Block] = []
    for agreement in report.agreements:
        caption = f"{agreement.model} against {agreement.reference}, each output at the tolerance of a proof"
        blocks += proof.output_blocks(caption, agreement.outputs)
    return blocks


def _models(report: CompareReport) -> Table:
    rows = [
        made.texts(
            model.title, model.framework, model.output or NOTHING.text, "yes" if model.softmax else "no", model.path
        )
        for model in report.models
    ]
    return Table(
        "Models, the first being the reference", ("model", "framework", "class scores", "softmax applied", "path"), rows
    )


def _setting(report: CompareReport) -> list[tuple[str, str | None]]:
    return [("samples", report.samples), ("preprocessing", report.preprocess)]
