"""Print, kind by kind, how many right models the proof accepts, and every one that it refuses with the reason.

python tests/delicate/score.py [SOURCE] [WORD]: only the models of one kind of source, only those whose name holds a word
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from delicate_case import MODULES, cases, refusals, with_fakes


def main(arguments: list[str]) -> int:
    chosen = [name for name in MODULES if name in arguments] or MODULES
    words = [word for word in arguments if word not in MODULES]
    accepted, refused = Counter(), Counter()
    with with_fakes(), tempfile.TemporaryDirectory() as scratch:
        for source in chosen:
            for number, case in enumerate(cases(source)):
                if words and not any(word in case.name for word in words):
                    continue
                folder = Path(scratch, f"{source}{number}")
                folder.mkdir()
                start = time.perf_counter()
                reasons = refusals(case, folder)
                print(f"{time.perf_counter() - start:5.1f} s  {source}: {case.name}{': REFUSED' if reasons else ''}")
                for reason in reasons:
                    print(f"         {reason}")
                (refused if reasons else accepted)[case.kind] += 1
    for kind in sorted({*accepted, *refused}):
        print(f"{accepted[kind]:4} accepted {refused[kind]:4} refused  {kind}")
    print(f"{accepted.total():4} accepted {refused.total():4} refused  in all")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
