"""Signature inference: inputs from --input or an exported program, outputs from one run on small example inputs."""

from __future__ import annotations

import itertools
from dataclasses import replace
from inspect import Parameter
from typing import TYPE_CHECKING, Any

from modelport.errors import CannotConvert, InputsRefused, InvalidSignature, SignatureNeeded, nearest
from modelport.signature import DTYPES, Dim, Signature, TensorSpec
from modelport_plugins.pytorch.forward import (
    device_of,
    flat_outputs,
    in_forward_order,
    is_program,
    module_of,
    parameters,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from modelport.spec import Options

_GUESSES = ((32, 32), (8, 8), (224, 32))
"""Sizes tried in turn for symbolic dimensions behind the first axis: of the first one, and the step to the next."""


def signature(model: Any, options: Options) -> Signature:
    """Infer a model's signature: inputs in the order of forward's parameters, outputs with generated dimension names.

    Raises:
        SignatureNeeded: for a module without --input.
        InvalidSignature: when --input does not fit forward, or the model fails on an example built from it.
        CannotConvert: for results that are no tensors, or a program that was exported in training mode.
    """
    inputs = _of_program(model) if is_program(model) else _of_module(model, options)
    inputs = replace(inputs, examples={**inputs.examples, **options.examples})
    return _with_outputs(model, inputs)


def example_sizes(signature: Signature, guess: tuple[int, int] = _GUESSES[0]) -> dict[str, int]:
    """Choose an example size for every symbolic dimension: the one given by the user, else one unlike all others."""
    taken = {dim for spec in signature.inputs for dim in spec.shape or () if isinstance(dim, int)}
    taken.update(signature.examples.values())
    leading = {spec.shape[0] for spec in signature.inputs if spec.shape}
    sizes = {}
    for symbol in signature.symbols:
        size, step = (2, 1) if symbol in leading else guess  # a batch of 2: the smallest that is no broadcast
        while symbol not in signature.examples and size in taken:
            size += step
        sizes[symbol] = signature.examples.get(symbol, size)
        taken.add(sizes[symbol])
    return sizes


def example_inputs(
    signature: Signature, sizes: Mapping[str, int], device: torch.device, fill: int = 1
) -> tuple[torch.Tensor, ...]:
    """Build example inputs, one tensor each: uniform in [0, 1) for floats, `fill` for integers and booleans."""
    import torch

    generator = torch.Generator().manual_seed(0)
    tensors = []
    for spec in signature.inputs:
        shape = [sizes[dim] if isinstance(dim, str) else dim for dim in spec.shape or ()]
        dtype: torch.dtype = getattr(torch, spec.dtype)
        if dtype.is_floating_point or dtype.is_complex:
            tensors.append(torch.rand(shape, generator=generator).to(device, dtype))
        else:
            tensors.append(torch.full(shape, fill, dtype=dtype, device=device))
    return tuple(tensors)


def _with_outputs(model: Any, inputs: Signature) -> Signature:
    """Run the model on examples of several sizes until one fits; the sizes that fit become the signature's examples."""
    names = [spec.name for spec in inputs.inputs]
    integers = any(spec.dtype.startswith(("int", "uint")) for spec in inputs.inputs)
    failure: BaseException | None = None
    tried: list[dict[str, int]] = []
    for guess, fill in itertools.product(_GUESSES, (1, 0) if integers else (1,)):
        sizes = example_sizes(inputs, guess)
        if not integers and sizes in tried:
            continue
        tried.append(sizes)
        tensors = example_inputs(inputs, sizes, device_of(module_of(model)), fill)
        try:
            outputs = _outputs(model, names, tensors)
        except InputsRefused as refused:
            failure = failure or refused.__cause__
        else:
            return replace(inputs, outputs=outputs, examples={**inputs.examples, **sizes})
    raise _example_failed(inputs, tried[0], failure) from failure


def _outputs(model: Any, names: Sequence[str], tensors: tuple[torch.Tensor, ...]) -> tuple[TensorSpec, ...]:
    result = flat_outputs(model, names, tensors)
    if not result:
        raise CannotConvert("the model returns no tensor", where="the result of forward", remedy="return at least one")
    specs: list[TensorSpec] = []
    for path, tensor in result:
        name = _unique(_output_name(path, [path for path, _ in result]), {*names, *(spec.name for spec in specs)})
        shape = tuple(f"{name}_dim{axis}" for axis in range(tensor.dim()))
        specs.append(TensorSpec(name, _dtype(tensor.dtype, name), shape))
    return tuple(specs)


def _output_name(path: tuple[str | int, ...], paths: Sequence[tuple[str | int, ...]]) -> str:
    """Join the keys that lead to an output; tuples alone are counted through."""
    if any(isinstance(part, str) for other in paths for part in other):
        name = ".".join(map(str, path))
        return name if path and isinstance(path[0], str) else f"output_{name}"
    return f"output_{list(paths).index(path)}" if len(paths) > 1 else "output"


def _unique(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_out"
    return name


def _dtype(dtype: torch.dtype, name: str) -> str:
    text = str(dtype).removeprefix("torch.")
    if text not in DTYPES:
        raise CannotConvert(f"the dtype {text} of {name!r} has no place in a signature", remedy="cast it in forward")
    return text


def _example_failed(inputs: Signature, sizes: Mapping[str, int], failure: BaseException | None) -> InvalidSignature:
    shown = ", ".join(f"{symbol}={size}" for symbol, size in sizes.items())
    message = " / ".join(line.strip() for line in str(failure).splitlines()[:3] if line.strip())
    return InvalidSignature(
        f"the model fails on an example of these inputs: {type(failure).__name__}: {message}",
        where=" ".join(f"--input '{spec}'" for spec in inputs.inputs)
        + (f", tried first with {shown}" if shown else ""),
        remedy="correct the shapes and dtypes; give a symbolic dimension the size of a working example, as in H=64, "
        "and equal names to dimensions that must be equal",
    )


# --- inputs of a module, from --input ------------------------------------------------------------


def _of_module(model: Any, options: Options) -> Signature:
    module = module_of(model)
    specs = options.inputs or _of_samples(module, options)
    if not specs:
        raise SignatureNeeded(
            "a PyTorch module does not say what its inputs are",
            where=f"forward of {type(module).__name__}",
            remedy=f"give them, with a name for each dimension that varies, as in {_suggestion(module)}",
        )
    _check_names(module, [spec.name for spec in specs])
    by_name = {spec.name: _completed(spec, module) for spec in specs}
    return Signature(tuple(by_name[name] for name in in_forward_order(module, list(by_name))))


def _of_samples(module: torch.nn.Module, options: Options) -> tuple[TensorSpec, ...]:
    """Take the inputs from samples that are named after forward's parameters; their first axis counts the samples."""
    params = parameters(module)
    if not options.samples or any(spec.name not in params or not spec.shape for spec in options.samples):
        return ()
    floating = _floating_dtype(module)
    options.note("the inputs were taken from the samples, with a first dimension that varies")
    return tuple(
        replace(
            spec, dtype=floating if spec.dtype == "float64" else spec.dtype, shape=("batch", *(spec.shape or ())[1:])
        )
        for spec in options.samples
    )


def _check_names(module: torch.nn.Module, names: Sequence[str]) -> None:
    params = parameters(module)
    takes_any = any(param.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD) for param in params.values())
    named = [
        param.name for param in params.values() if param.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    ]
    for name in names:
        if name not in named and not takes_any:
            close = nearest(name, named)
            raise InvalidSignature(
                f"forward has no parameter {name!r}",
                where=f"--input '{name}'",
                remedy=f"did you mean {close!r}? " * bool(close) + f"its parameters are {', '.join(named)}",
            )
    missing = [name for name in named if params[name].default is Parameter.empty and name not in names]
    if missing:
        raise InvalidSignature(
            f"forward also needs {', '.join(missing)}",
            where=f"forward of {type(module).__name__}",
            remedy=f"add {' '.join(f'--input {_suggested(name)}' for name in missing)}, with its own dtype and shape",
        )


def _completed(spec: TensorSpec, module: torch.nn.Module) -> TensorSpec:
    if spec.shape is None:
        raise SignatureNeeded(
            f"a PyTorch module does not say how many dimensions {spec.name!r} has",
            where=f"--input '{spec}'",
            remedy=f"add them in brackets, as in {_suggested(spec.name)}",
        )
    if spec.dtype == "string":
        raise InvalidSignature(
            "PyTorch has no tensors of strings", where=f"--input '{spec}'", remedy="give a number's dtype"
        )
    return replace(spec, dtype=spec.dtype or _floating_dtype(module))


def _floating_dtype(module: torch.nn.Module) -> str:
    return next(
        (str(p.dtype).removeprefix("torch.") for p in module.parameters() if p.dtype.is_floating_point), "float32"
    )


def _suggestion(module: torch.nn.Module) -> str:
    """Write --input for the parameters that forward requires; the shape of the first is that of the first layer."""
    required = [
        p.name for p in parameters(module).values() if p.default is Parameter.empty and p.kind is not p.VAR_KEYWORD
    ]
    first, *rest = required or ["x"]
    return " ".join(
        [f"--input {_suggested(first, _first_layer(module))}", *(f"--input {_suggested(name)}" for name in rest)]
    )


def _suggested(name: str, form: str = "float32[N,3]") -> str:
    return f"'{name}:{form}'"


def _first_layer(module: torch.nn.Module) -> str:
    spatial = {"Conv1d": "L", "Conv2d": "H,W", "Conv3d": "D,H,W"}
    for part in module.modules():
        kind = getattr(part, "original_name", type(part).__name__)
        if kind in spatial and hasattr(part, "in_channels"):
            return f"float32[N,{part.in_channels},{spatial[kind]}]"
        if kind == "Linear" and hasattr(part, "in_features"):
            return f"float32[N,{part.in_features}]"
        if kind == "Embedding":
            return "int64[N,T]"
        if kind in ("LSTM", "GRU", "RNN") and hasattr(part, "input_size"):
            return f"float32[{'N,T' if part.batch_first else 'T,N'},{part.input_size}]"
    return "float32[N,3]"


# --- inputs of an exported program ---------------------------------------------------------------


def _of_program(program: Any) -> Signature:
    """Read names, dtypes and dimensions from the program's graph; a varying dimension is named after the first."""
    _check_inference(program)
    symbols: dict[str, str] = {}
    examples: dict[str, int] = {}
    specs = []
    values = {node.name: node.meta["val"] for node in program.graph.nodes if node.op == "placeholder"}
    for slot in (spec.arg for spec in program.graph_signature.input_specs if spec.kind.name == "USER_INPUT"):
        if hasattr(slot, "value"):  # a constant that was passed at export
            continue
        tensor = values[slot.name]
        if not hasattr(tensor, "shape"):
            raise CannotConvert(f"the input {slot.name!r} is a number, not a tensor", remedy="export it as a tensor")
        shape: list[Dim] = []
        for axis, size in enumerate(tensor.shape):
            if isinstance(size, int):
                shape.append(size)
                continue
            symbol = symbols.setdefault(str(size.node.expr), f"{slot.name}_dim{axis}")
            examples.setdefault(symbol, int(size.node.hint))
            shape.append(symbol)
        specs.append(TensorSpec(slot.name, _dtype(tensor.dtype, slot.name), tuple(shape)))
    return Signature(tuple(specs), examples=examples)


def _check_inference(program: Any) -> None:
    for node in program.graph.nodes:
        schema = getattr(node.target, "_schema", None)
        for position, argument in enumerate(schema.arguments if schema else ()):
            if argument.name not in ("train", "training"):
                continue
            value = node.args[position] if position < len(node.args) else node.kwargs.get(argument.name)
            if value is True:
                raise CannotConvert(
                    "the program was exported in training mode, so dropout and batch normalisation would train",
                    where=f"node {node.name}",
                    remedy="call model.eval() before torch.export.export",
                )
