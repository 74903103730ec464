"""``modelport run``: a model on photographs, tables or arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelport.cli.limits import memory_option
from modelport.cli.running import complete_framework, echo
from modelport.cli.trusting import trust_options


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("samples", nargs=-1, type=click.Path(path_type=Path))
@click.option("--preprocess", metavar="NAME|KEY=VALUE,…", help="For images, as 'imagenet' or 'resize=256,crop=224,range=1'; "
              "what the model carries when left out. Names: imagenet, clip, keras-resnet, minus1to1, unit, bytes, mnist, digits. "
              "Keys: resize, crop, interpolation, colour, range, mean, std, layout.")  # fmt: skip
@click.option(
    "--store", is_flag=True, help="Write the preprocessing into the model's metadata; alone, without SAMPLES."
)
@click.option("--labels", type=click.Path(path_type=Path), help="Names of the classes: .csv, .txt or .json.")
@click.option("--top", type=click.IntRange(min=0), help="How many classes to list; 5 by default, 0 for none.")
@click.option("--softmax", type=click.Choice(["auto", "yes", "no"]), default="auto", show_default=True,
              help="Apply it to the class scores; auto: where they do not sum to 1.")  # fmt: skip
@click.option("--output-name", metavar="NAME", help="The output of the class scores.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write the outputs: .npz, or .png, .jpg … for pictures."
)
@click.option("-f", "--from", "from_", metavar="KEY", shell_complete=complete_framework, help="Framework of the model.")
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME:DTYPE[DIMS]", help="For a model that does not say its inputs."
)
@click.option(
    "--model",
    "factory",
    metavar="MODULE:FACTORY",
    help="Runs this code of yours to build the model that weights are loaded into.",
)
@trust_options("inside the model")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@memory_option
def run(model: Path, samples: tuple[Path, ...], preprocess: str | None, store: bool, as_json: bool, quiet: bool, debug: bool,
        **rest: Any) -> None:  # fmt: skip
    """Run MODEL on SAMPLES: images, folders of images, or one .npz, .npy or .csv file.

    \b
    modelport run resnet.onnx photo.jpg --preprocess imagenet --labels names.csv --top 5
    modelport run resnet.onnx --preprocess imagenet --store
    """
    from modelport.cli.output import Progress, print_json
    from modelport.cli.results import print_run
    from modelport.workbench import run as workbench

    if not samples:
        if not store or preprocess is None:
            raise click.UsageError("name the SAMPLES to run on, or store a preprocessing with --preprocess … --store")
        text = workbench.store(model, preprocess)
        echo(f"{model} carries the preprocessing {text}")
        return
    with Progress(quiet=quiet) as progress:
        progress("run", None)
        report = workbench.run(model, samples, preprocess=preprocess, store=store, **rest)
    if as_json:
        print_json(report)
    elif not quiet:
        print_run(report)
