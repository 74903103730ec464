"""``modelport verify``: two models of any two frameworks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelport.cli.limits import memory_option
from modelport.cli.trusting import trust_options
from modelport.proof.tolerance import SECONDS


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--from-a", metavar="KEY", help="Framework of A.")
@click.option("--from-b", metavar="KEY", help="Framework of B.")
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME:DTYPE[DIMS]", help="For models that do not say their inputs."
)
@click.option(
    "--samples", type=click.Path(path_type=Path), help="Compare on these: .npz, .npy, .csv or a folder of images."
)
@click.option(
    "--model",
    "factory",
    metavar="MODULE:FACTORY",
    help="Runs this code of yours to build the model that weights are loaded into.",
)
@click.option("--rtol", type=float, help="Relative tolerance; 1e-3, or 1e-7 for models in float64.")
@click.option("--atol", type=float, help="Absolute tolerance; 1e-5, or 1e-9 for models in float64.")
@click.option(
    "--proof-seconds", type=float, default=SECONDS, show_default=True, help="Budget for cases beyond the minimum."
)
@trust_options("inside the models")
@click.option("--json", "as_json", is_flag=True, help="Print the proof as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@memory_option
def verify(a: Path, b: Path, from_a: str | None, from_b: str | None, as_json: bool, quiet: bool, debug: bool,
           **rest: Any) -> None:  # fmt: skip
    """Compare the models A and B on the same inputs; A is the reference. The exit status is 0 when they agree, else 5."""
    from modelport.cli.output import print_json, print_proof
    from modelport.proof.judge import require
    from modelport.proof.verification import verify as run

    proof = run(a, b, from_=(from_a, from_b), **rest)
    if as_json:
        print_json(proof)
    if not quiet:
        print_proof(proof)
    require(proof, where=f"{a}, {b}")
