"""The part of a page that shows a proof: figures of each output, their distribution, and every case."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from modelport.report import RATIO_EDGES, CaseResult, Figures, Proof
from modelport.workbench import page
from modelport.workbench.charts import Histogram, power
from modelport.workbench.page import NOTHING, Block, Cell, Heading, Remarks, Table, count, exact, percent, small

_CHARTS = 12
_LONG = 14
_REASON = 140
"""Of a reason, so many characters: over all cases it may be as long as a page."""
_COLUMNS = ("values", "largest difference", "relative", "mean", "cosine", "out of tolerance", "flips")


def proof_blocks(proof: Proof, *, titled: bool) -> list[Block]:
    """Show a proof, under a heading of its own where there are several."""
    blocks: list[Block] = [Heading(f"{proof.candidate} against {proof.reference}")] if titled else []
    blocks += output_blocks(
        f"{proof.candidate} against {proof.reference}, each output over all {len(proof.cases)} cases; "
        f"tolerance {exact(proof.atol)} + {exact(proof.rtol)} |reference|",
        proof.outputs,
    )
    blocks.append(_cases(proof.cases))
    remarks = [
        f"{dtype} outputs: rtol {exact(rtol)}, atol {exact(atol)}." for dtype, (rtol, atol) in proof.widened.items()
    ]
    remarks += [*proof.notes, *(f"Refused by the reference itself: {line}" for line in proof.refused)]
    return [*blocks, Remarks(remarks)] if remarks else blocks


def largest(proofs: Sequence[Proof]) -> Cell:
    """Return the largest absolute difference of all proofs."""
    return small(max(proof.max_abs for proof in proofs))


def output_blocks(caption: str, outputs: Sequence[Figures]) -> list[Block]:
    """Tabulate the figures of each output, and draw how their differences are distributed."""
    rows = [[Cell(figures.output), *_cells(figures), _verdict(figures)] for figures in outputs]
    blocks: list[Block] = [
        Table(caption, ("output", *_COLUMNS, "verdict"), rows, len(rows) > _LONG).without_empty_columns()
    ]
    charts = [figures for figures in outputs if figures.ratios and sum(figures.ratios)]
    if charts:
        shown = sorted(charts, key=_badness, reverse=True)[:_CHARTS]
        blocks.append(page.Figures([(_histogram(figures), _bins(figures)) for figures in charts if figures in shown]))
    if len(charts) > _CHARTS:
        blocks.append(Remarks([f"Charts are drawn for the {_CHARTS} of {len(charts)} outputs that differ most."]))
    return blocks


def _cases(cases: Sequence[CaseResult]) -> Table:
    symbols = list(dict.fromkeys(symbol for case in cases for symbol in case.sizes))
    rows = []
    for case in cases:
        sizes = [count(case.sizes[symbol]) if symbol in case.sizes else NOTHING for symbol in symbols]
        for figures in case.outputs:
            rows.append([Cell(case.label), *sizes, Cell(figures.output), *_cells(figures), _verdict(figures)])
    return Table(
        "Every case", ("inputs", *symbols, "output", *_COLUMNS, "verdict"), rows, len(rows) > _LONG
    ).without_empty_columns()


def _cells(figures: Figures) -> list[Cell]:
    discrete = figures.max_abs is None
    cosine = figures.cosine
    return [
        count(figures.elements),
        small(figures.max_abs),
        small(figures.max_rel),
        small(figures.mean_abs),
        NOTHING if cosine is None else Cell(f"{cosine:.6f}", cosine),
        NOTHING if discrete else _counted(figures.out_of_tolerance),
        _counted(figures.flips) if discrete else NOTHING,
    ]


def _counted(number: int) -> Cell:
    return Cell(count(number).text, number, "bad" if number else "")


def _verdict(figures: Figures) -> Cell:
    reason = figures.reason
    brief = reason if len(reason) <= _REASON else f"{reason[:_REASON].rsplit(' ', 1)[0]} …"
    return Cell("agrees", tone="good") if figures.passed else Cell(brief, tone="bad")


def _histogram(figures: Figures) -> Histogram:
    counts = figures.ratios or []
    total, tolerance = sum(counts), RATIO_EDGES.index(1.0) + 2
    beyond, furthest = sum(counts[tolerance:]), max(index for index, number in enumerate(counts) if number)
    reach = "all are equal" if furthest == 0 else f"the furthest lie {_bin_names()[furthest]} of the tolerance"
    return Histogram(
        figures.output,
        f"The differences of {total} values against the tolerance: {counts[0]} are equal, {beyond} are beyond it; {reach}.",
        counts,
        RATIO_EDGES,
    )


def _bins(figures: Figures) -> Table:
    counts = figures.ratios or []
    total = sum(counts)
    rows = [
        [Cell(name), count(number), percent(number / total)] for name, number in zip(_bin_names(), counts, strict=True)
    ]
    return Table(
        "Values by their difference as a share of the tolerance", ("share of the tolerance", "values", "share"), rows
    )


def _bin_names() -> list[str]:
    names = [power(edge) for edge in RATIO_EDGES]
    between = [f"between {low} and {high}" for low, high in itertools.pairwise(names)]
    return ["equal", f"up to {names[0]}", *between, f"above {names[-1]}"]


def _badness(figures: Figures) -> tuple[int, ...]:
    """Order outputs by how many of their values lie furthest out."""
    return tuple(reversed(figures.ratios or ()))
