"""A comparison as rows of text: what the terminal, Markdown and CSV have in common."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from modelport.workbench.classes import Guess
from modelport.workbench.compare import CompareReport

Rows = list[list[str]]


def agreement_rows(report: CompareReport) -> tuple[list[str], Rows]:
    """Return the header, and a row for each model against the first."""
    classes = ["same top-1", f"shared top-{report.top}"] if report.top else []
    header = ["against " + _short(report.models[0].title), *classes, "largest difference", "flips"]
    rows = []
    for each in report.agreements:
        shares = [f"{share:.2%}" for share in (each.top1, each.topk) if share is not None]
        rows.append([each.model, *shares, f"{each.max_difference:.2e}", str(each.flips)])
    return header, rows


def sample_rows(report: CompareReport, *, limit: int | None = None) -> tuple[list[str], Rows]:
    """Return the header, and a row for each sample with every model's best classes, the worst first."""
    models = [model.title for model in report.models] if report.top else []
    header = ["sample", *models, "same" if report.top else "flips", "difference"]
    rows = []
    for row in report.rows[:limit]:
        same = ("yes" if all(row.same_top1) else "no") if report.top else str(row.flips)
        rows.append([row.sample, *[guesses(top) for top in row.top], same, f"{row.max_difference:.2e}"])
    return header, rows


def guesses(top: Sequence[Guess]) -> str:
    """Return best classes as ``cat 0.912, dog 0.051``."""
    return ", ".join(f"{guess.label} {guess.probability:.3f}" for guess in top)


def to_markdown(report: CompareReport, *, limit: int | None = None) -> str:
    """Return a comparison as Markdown: the agreements, then the samples, the worst first."""
    parts = [
        f"{report.count} samples from `{report.samples}`"
        + (f", preprocessed as `{report.preprocess}`" if report.preprocess else "")
    ]
    parts += [_markdown(*agreement_rows(report)), _markdown(*sample_rows(report, limit=limit))]
    parts += [f"- {note}" for note in report.notes]
    return "\n\n".join(parts) + "\n"


def to_csv(report: CompareReport) -> str:
    """Return every sample as a line of CSV, with index, label and probability of each class of each model."""
    header = ["sample", "same_top1", "max_difference", "flips"]
    for number in range(1, len(report.models) + 1):
        for rank in range(1, report.top + 1):
            header += [f"model{number}_top{rank}_{part}" for part in ("index", "label", "probability")]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    for row in report.rows:
        cells = [
            part for top in row.top for guess in top for part in (guess.index, guess.label, repr(guess.probability))
        ]
        same = str(all(row.same_top1)).lower() if report.top else ""
        writer.writerow([row.sample, same, repr(row.max_difference), row.flips, *cells])
    return file.getvalue()


def _markdown(header: Sequence[str], rows: Rows) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _short(title: str) -> str:
    return title.partition(" (")[0]
