"""Print what the proofs catch of the planted faults: ``python tests/planted/score.py [KIND ...]``."""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import planted  # noqa: E402
from planted_case import PlantedFaults  # noqa: E402


def kinds() -> dict[str, PlantedFaults]:
    """The classes of faults, by kind."""
    found = {}
    for path in sorted(HERE.glob("test_planted_*.py")):
        module = importlib.import_module(path.stem)
        classes = [
            value for value in vars(module).values() if isinstance(value, type) and value.__module__ == path.stem
        ]
        for value in classes:
            if issubclass(value, PlantedFaults):
                found[path.stem.removeprefix("test_planted_")] = value()
    return found


def score(kind: str, faults: PlantedFaults, folder: Path) -> tuple[int, int]:
    """Print what is missed, not real, or refused though correct; return how many faults are caught and their correct exports
    proven, in every way, of how many."""
    caught = 0
    for fault in faults.faults:
        start, problems = time.perf_counter(), []
        problems += [] if planted.is_wrong(fault) else ["not told by its witness"]
        ways = []
        for way in planted.WAYS:
            try:
                ways += [] if planted.catches(fault, way, folder) else [way]
                problems += [] if planted.proves(fault, way, folder) else [f"the correct export is refused by {way}"]
            except Exception as error:
                problems.append(f"{way}: {type(error).__name__}: {error}"[:400])
        caught += not ways and not problems
        if ways or problems:
            missed = f"missed by {', '.join(ways)}" if ways else "caught"
            print(
                f"  {kind}: {fault.name} ({time.perf_counter() - start:.1f} s): {missed}; {'; '.join(problems)}",
                flush=True,
            )
    return caught, len(faults.faults)


def main(wanted: list[str]) -> None:
    """Score every kind, or those that are asked for."""
    planted.register_fake()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, faults in kinds().items():
            if not wanted or kind in wanted:
                start = time.perf_counter()
                results[kind] = (*score(kind, faults, Path(folder)), time.perf_counter() - start)
    for kind, (caught, count, seconds) in results.items():
        print(f"{kind:12} {caught:4} of {count:4} caught, {seconds:.0f} s")
    caught, count = (sum(row[column] for row in results.values()) for column in (0, 1))
    print(f"{'all':12} {caught:4} of {count:4} caught ({100 * caught / max(count, 1):.1f} %)")


if __name__ == "__main__":
    main(sys.argv[1:])
