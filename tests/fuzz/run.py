"""Put damaged model files to the commands: ``python tests/fuzz/run.py [FORMAT ...] --count 2000 --seed 0``.

Each mutant is an intact file with some bytes, archive members, JSON values, protobuf fields or arrays changed. Whatever comes of
it, a command must end in time, within its memory, with a status that says what is wrong, and leave nothing behind.
The exit status is 1 when one does not. ``--replay FORMAT:SEED:INDEX`` makes one mutant again, runs it and keeps it.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fuzz_driver import fuzz
from fuzz_formats import FORMATS
from fuzz_worker import Outcome

_STATUSES = (0, 2, 3, 4, 5, 7)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=f"all by default: {', '.join(FORMATS)}")
    parser.add_argument("--count", type=int, default=2000, help="mutants of each format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="keeps the intact files")
    parser.add_argument("--replay", metavar="FORMAT:SEED:INDEX", help="one mutant")
    given = parser.parse_args()
    if given.replay:
        name, seed, index = given.replay.split(":")
        return replay(name, int(seed), int(index), given.folder.absolute())
    if unknown := set(given.formats) - set(FORMATS):
        parser.error(f"no such format: {', '.join(sorted(unknown))}")
    rows = []
    for name in given.formats or FORMATS:
        outcomes = []
        for found in fuzz(name, given.seed, range(given.count), given.folder.absolute() / name):
            outcomes.append(found)
            if found.failure:
                tell(name, given.seed, found)
        rows.append((name, outcomes))
        print(row(*rows[-1]), flush=True)
    print("\n" + table(rows))
    return int(any(found.failure for _, outcomes in rows for found in outcomes))


def tell(name: str, seed: int, found: Outcome) -> None:
    last = found.output.strip().splitlines()[-1:] or [""]
    print(f"  {name}:{seed}:{found.index}  {found.failure}  ({found.kind[:120]})  {last[0][:160]}", flush=True)


def replay(name: str, seed: int, index: int, folder: Path) -> int:
    (found,) = fuzz(name, seed, [index], folder / name)
    print(
        f"{found.kind}\nstatus {found.status}, {found.seconds:.1f} s, {found.failure or 'as it should be'}\n{found.output}"
    )
    print(f"the mutant lies in {folder / name / 'source'}")
    return int(bool(found.failure))


def table(rows: Sequence[tuple[str, Sequence[Outcome]]]) -> str:
    title = f"{'format':<12} {'mutants':>7} " + " ".join(f"{f'exit {status}':>7}" for status in _STATUSES)
    return "\n".join([f"{title} {'failures':>8} {'slowest':>8}", *(row(name, outcomes) for name, outcomes in rows)])


def row(name: str, outcomes: Sequence[Outcome]) -> str:
    counts = Counter(found.status for found in outcomes if not found.failure)
    failures, slowest = (
        sum(bool(found.failure) for found in outcomes),
        max((found.seconds for found in outcomes), default=0),
    )
    numbers = " ".join(f"{counts[status]:>7}" for status in _STATUSES)
    return f"{name:<12} {len(outcomes):>7} {numbers} {failures:>8} {slowest:>6.1f} s"


if __name__ == "__main__":
    sys.exit(main())
