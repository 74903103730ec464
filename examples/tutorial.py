"""The tutorials' experiments: measure all or some of them, and write the tables and pictures of docs/tutorial.md."""

import argparse
import importlib
import sys
import time
from pathlib import Path

from common import HERE
from experiments import page, records
from modelport.errors import ModelportError
from modelport.workbench.bench.process import machine

EXPERIMENTS = ("vision", "bert", "digits", "photographs")
PAGE = HERE.parent / "docs" / "tutorial.md"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "experiments", nargs="*", metavar="EXPERIMENT", help=f"of {', '.join(EXPERIMENTS)}; all by default"
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer shapes, a smaller BERT: at most 3 minutes on two cores"
    )
    parser.add_argument("--threads", type=int, default=1, help="within an operator, of every engine (default: 1)")
    parser.add_argument(
        "--sizes", type=sizes, default=(), metavar="32,64,…", help="heights and widths of the images of vision"
    )
    parser.add_argument(
        "--page-only", action="store_true", help="measure nothing; write the page from the last records"
    )
    parser.add_argument("--out", type=Path, default=HERE.parent / "out" / "tutorial", help="folder for the models")
    parser.add_argument(
        "--docs", type=Path, default=PAGE.parent, help="folder for page, pictures and records (default: docs/)"
    )
    given = parser.parse_args()
    if unknown := set(given.experiments) - set(EXPERIMENTS):
        parser.error(f"there is no experiment {', '.join(sorted(unknown))}; there are {', '.join(EXPERIMENTS)}")
    return given


def sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(","))


def command(name: str, given: argparse.Namespace) -> str:
    """Return the command line that repeats one experiment."""
    words = ["python examples/tutorial.py", name, *(["--quick"] if given.quick else [])]
    words += [f"--threads {given.threads}"] if given.threads != 1 else []
    words += [f"--sizes {','.join(map(str, given.sizes))}"] if given.sizes and name == "vision" else []
    return " ".join(words)


def experiment(name: str, given: argparse.Namespace) -> str:
    """Measure one experiment, or read its record; draw its pictures and return its part of the page."""
    module = importlib.import_module(f"experiments.{name}")
    path = given.docs / "data" / f"tutorial_{name}.json"
    if not given.page_only:
        print(f"\n{module.__doc__.strip()}", flush=True)
        started = time.perf_counter()
        result = module.measure(given.out.resolve(), records.Plan(given.quick, given.threads, given.sizes))
        seconds = time.perf_counter() - started
        finished = records.Record(name, command(name, given), seconds, machine(), records.versions(), result)
        records.write(path, finished, given.out.resolve())
        print(f"{module.markdown(result)}\n\n{name}: {finished.seconds:.0f} s", flush=True)
    finished = records.read(path, module.Result)
    module.draw(finished.result, given.docs / "img")
    return page.section(module, finished)


def main() -> int:
    given = arguments()
    for folder in (given.out, given.docs / "img"):
        folder.mkdir(parents=True, exist_ok=True)
    chosen = [name for name in EXPERIMENTS if name in (given.experiments or EXPERIMENTS)]
    started = time.perf_counter()
    try:
        # What another experiment wrote stays, as its part of the page is left alone.
        source = given.docs / PAGE.name if (given.docs / PAGE.name).exists() else PAGE
        target = page.write(source, given.docs, {name: experiment(name, given) for name in chosen})
    except ModelportError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"\nwritten: {target}, after {time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
