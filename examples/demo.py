"""Run every example in order and print a closing table; the exit status is 1 when one of them fails."""

import argparse
import importlib
import sys
import time
import traceback
from pathlib import Path

from common import Result, output_folder

EXAMPLES = ("iris_forest", "support_tickets", "digits_pytorch", "digits_keras", "to_tensorflow", "super_resolution")


def attempt(name: str, out: Path) -> tuple[list[Result], float]:
    """Run one example; one that fails is shown, and the others still run."""
    started = time.perf_counter()
    results: list[Result] = []
    try:
        example = importlib.import_module(name)
        print(f"\n{example.__doc__}", flush=True)
        found = example.main(out)
        results = found if isinstance(found, list) else [found]
    except Exception:
        print(traceback.format_exc())
    return results, time.perf_counter() - started


def main() -> int:
    out = output_folder(argparse.ArgumentParser(description=__doc__))
    outcomes = {name: attempt(name, out) for name in EXAMPLES}
    print(f"\n{'example':<18}{'route':<23}{'verdict':<9}{'measure':<12}{'before':>8}{'after':>8}{'seconds':>9}")
    for name, (results, seconds) in outcomes.items():
        if not results:
            print(f"{name:<18}{'':<23}{'FAILED':<37}{seconds:>8.1f}")
        for result in results:
            figures = f"{result.measure:<12}{result.before:>8.4g}{result.after:>8.4g}"
            print(f"{result.example:<18}{result.route:<23}{result.verdict:<9}{figures}{seconds / len(results):>9.1f}")
    return 0 if all(results for results, _ in outcomes.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
