"""``python -m modelport.workbench.bench.child``: load and run one variant (a `Job` on stdin), print the peak memory in bytes."""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from pathlib import Path

import msgspec

from modelport.loading.open_model import open_model, user_options
from modelport.proof.cases.generated import inputs_at
from modelport.safety.memory import limited
from modelport.spec import HUB
from modelport.workbench.bench import shapes
from modelport.workbench.bench.memory import Job
from modelport.workbench.bench.process import configured
from modelport.workbench.bench.variants import runnables

_CALLS = 3
"""The first calls allocate what later ones use again."""


def main() -> None:
    """Do the job."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    with contextlib.redirect_stdout(sys.stderr), configured(job.threads, job.affinity), limited(job.memory):
        run(job)
    sys.stdout.write(f"{peak_bytes()}\n")


def run(job: Job) -> None:
    """Load the model and call it a few times."""
    options = user_options(job.inputs, factory=job.factory, trust=job.trust, trust_types=job.trust_types)
    model = open_model(job.source, from_=job.framework, options=options, values=job.values)
    hub = model.plugin.key == HUB
    one = runnables(model, providers=[job.how] if hub else [], variants=[] if hub else [job.how], threads=job.threads)[
        0
    ]
    wanted = {name: tuple(shape) for name, shape in job.shapes.items()}
    sizes = shapes.bind(model.signature, wanted, model.title)
    call = one.open()(inputs_at(model.signature, model.ranges, sizes, model.samples(0)))
    for _ in range(_CALLS):
        call()


def peak_bytes() -> int:
    """Return the peak resident memory of this process.

    ru_maxrss would do, were it not handed down to a new process by the one that started it on Linux.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
