"""What an experiment hands to the page: its record on disk, and the claims that its figures confirm or contradict."""

import contextlib
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import msgspec

from modelport.workbench.bench import BenchReport
from modelport.workbench.bench.records import Case

PACKAGES = (
    "modelport",
    "numpy",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "onnxslim",
    "torch",
    "scikit-learn",
    "transformers",
)


class Plan(msgspec.Struct, frozen=True):
    """How much to measure.

    Attributes:
        quick: fewer shapes and rounds, a smaller BERT.
        threads: within an operator, of every engine. One by default: two of PyTorch wait for one another in a busy loop, so
            that on a machine which does anything else a call takes many times as long.
        sizes: height and width of the images; empty for the usual ones.
    """

    quick: bool = False
    threads: int = 1
    sizes: tuple[int, ...] = ()


class Record(msgspec.Struct, frozen=True):
    """One experiment as measured.

    Attributes:
        command: the command line that made it.
        seconds: of the whole experiment.
        result: what its module's `measure` returned.
    """

    experiment: str
    command: str
    seconds: float
    machine: str
    versions: dict[str, str]
    result: Any


class Claim(msgspec.Struct, frozen=True):
    """A sentence of the tutorials, whether our figures agree, and which."""

    text: str
    holds: bool
    evidence: str


class Experiment(Protocol):
    """What the module of an experiment offers."""

    Result: type[msgspec.Struct]

    @staticmethod
    def measure(out: Path, plan: Plan) -> Any:
        """Do the experiment; files go to `out`."""
        ...

    @staticmethod
    def draw(result: Any, images: Path) -> None:
        """Draw its pictures."""
        ...

    @staticmethod
    def markdown(result: Any) -> str:
        """Return its tables and conclusions."""
        ...


def versions() -> dict[str, str]:
    """Return the versions that the figures depend on, of what is installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def write(path: Path, finished: Record, out: Path) -> None:
    """Write a record as JSON, with the files in `out` named from there: where it lies on this machine says nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(finished), indent=1).decode()
    path.write_text(text.replace(f"{out}/", "") + "\n")


def read(path: Path, kind: type[msgspec.Struct]) -> Record:
    """Read a record back, its result as `kind`."""
    found = msgspec.json.decode(path.read_bytes(), type=Record)
    return msgspec.structs.replace(found, result=msgspec.convert(found.result, kind))


def named(report: BenchReport, names: Sequence[str]) -> BenchReport:
    """Return a benchmark with its variants renamed, in their order."""
    new = {old.name: name for old, name in zip(report.variants, names, strict=True)}
    replace = msgspec.structs.replace
    cases = [
        replace(case, timings=[replace(each, variant=new[each.variant]) for each in case.timings])
        for case in report.cases
    ]
    return replace(report, variants=[replace(each, name=new[each.name]) for each in report.variants], cases=cases)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, its first column to the left and the others to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def conclusions(claims: Iterable[Claim]) -> str:
    """Return the claims as a list, each with its verdict."""
    return "\n".join(
        f"- *{claim.text}* **{'Confirmed' if claim.holds else 'Contradicted'}:** {claim.evidence}" for claim in claims
    )


def listed(figures: Mapping[str, float], form: str = "{:.2f}x") -> str:
    """Write figures by name, as ``a 1.02x, b 0.98x``."""
    return ", ".join(f"{name} {form.format(value)}" for name, value in figures.items())


def times(case: Case, variant: str) -> str:
    """Write the median milliseconds of a variant, and its ratio to the first one with the interval."""
    timing = next(each for each in case.timings if each.variant == variant)
    ratio = timing.ratio
    return f"{timing.p50 * 1e3:.3g}" + (f" ({ratio.value:.2f}x, {ratio.low:.2f} to {ratio.high:.2f})" if ratio else "")
