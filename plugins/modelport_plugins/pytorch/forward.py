"""Calling forward of modules, ScriptModules and exported programs alike: tensors in the signature's order in, flat ones out."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter
from typing import TYPE_CHECKING, Any

from modelport.errors import CannotConvert, NotEquivalent, inputs_refused
from modelport_plugins.pytorch.data_dependent_paths import data_dependent_paths_disabled

if TYPE_CHECKING:
    import torch

_programs: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_CALLS = 30
"""How often a model whose buffers change is called again."""


def is_program(model: object) -> bool:
    """Whether the model is a torch.export.ExportedProgram."""
    import torch

    return isinstance(model, torch.export.ExportedProgram)


def module_of(model: Any) -> torch.nn.Module:
    """Return the module behind a model: of an exported program (made once), of a DataParallel, or the model itself.

    Raises:
        CannotConvert: for a model that is none of these.
    """
    import torch

    if is_program(model):
        if model not in _programs:
            _programs[model] = model.module()
        return _programs[model]
    if isinstance(model, (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)):
        return model.module
    if not isinstance(model, torch.nn.Module):
        raise CannotConvert(
            f"{type(model).__name__} is no model that PyTorch exports",
            remedy="pass a torch.nn.Module, a torch.jit.ScriptModule or a torch.export.ExportedProgram",
        )
    return model


def parameters(module: torch.nn.Module) -> dict[str, Parameter]:
    """Return the parameters of a module's forward, by name and in order."""
    import torch

    if not isinstance(module, torch.jit.ScriptModule):
        return dict(inspect.signature(module.forward).parameters)
    kinds = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    return {
        argument.name: Parameter(
            argument.name,
            kinds[argument.kwarg_only],
            default=argument.default_value if argument.has_default_value() else Parameter.empty,
        )
        for argument in module.forward.schema.arguments[1:]
    }


@dataclass(frozen=True)
class Call:
    """The calling convention of a forward: which inputs are positional, which are keywords.

    Attributes:
        positional: how many of the inputs are passed by position; they come first.
        keywords: the parameter names of the others.
    """

    positional: int
    keywords: tuple[str, ...]

    def arguments(self, tensors: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Split the inputs, in the signature's order, into positional and keyword arguments."""
        rest = tensors[self.positional :]
        return tuple(tensors[: self.positional]), dict(zip(self.keywords, rest, strict=True))


def call_for(module: torch.nn.Module, names: Sequence[str]) -> Call:
    """Pass inputs, given in forward's order, by keyword, and by position where that is the only way."""
    params = parameters(module)
    spread = next((param.name for param in params.values() if param.kind is Parameter.VAR_POSITIONAL), None)
    if spread is not None and any(name not in params for name in names):
        by_keyword = [name for name in names if name in params and params[name].kind is Parameter.KEYWORD_ONLY]
    else:
        leading = {param.name for param in params.values() if param.kind is Parameter.POSITIONAL_ONLY}
        by_keyword = [name for name in names if name not in leading]
    return Call(len(names) - len(by_keyword), tuple(by_keyword))


def in_forward_order(module: torch.nn.Module, names: Sequence[str]) -> list[str]:
    """Sort input names as forward lists them; those that *args or **kwargs take keep their order, at that place."""
    params = parameters(module)
    order = {name: index for index, name in enumerate(params)}
    takes_more = [order[param.name] for param in params.values() if param.kind is Parameter.VAR_POSITIONAL]
    elsewhere = takes_more[0] if takes_more else len(order)
    return sorted(names, key=lambda name: order.get(name, elsewhere))


def arguments_for(
    model: Any, names: Sequence[str]
) -> Callable[[Sequence[Any]], tuple[tuple[Any, ...], dict[str, Any]]]:
    """Return a function from the named inputs' tensors, in order, to positional and keyword arguments of forward."""
    return _program_arguments(model) if is_program(model) else call_for(module_of(model), names).arguments


def flat_module(model: Any, names: Sequence[str]) -> torch.nn.Module:
    """Wrap a model so that it takes the named inputs by position and returns a flat tuple of tensors.

    The model is the wrapper's submodule ``module``.
    """
    import torch

    arguments = arguments_for(model, names)

    class Positional(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.module = module_of(model)

        def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
            args, kwargs = arguments(tensors)
            return tuple(tensor for _, tensor in named_tensors(self.module(*args, **kwargs)))

    return Positional().eval()


def flat_outputs(model: Any, names: Sequence[str], tensors: Sequence[Any]) -> list[tuple[tuple[str | int, ...], Any]]:
    """Run a model in evaluation mode on the named inputs' tensors; returns its flattened outputs as `named_tensors` does.

    Raises:
        InputsRefused: for whatever forward raises: it is its author's code.
    """
    args, kwargs = arguments_for(model, names)(tensors)
    module = module_of(model)
    with evaluation_mode(model):
        with inputs_refused("PyTorch"):
            result = module(*args, **kwargs)
        return list(named_tensors(result))


def require_stateless(model: Any, names: Sequence[str], tensors: Sequence[Any]) -> None:
    """Raise NotEquivalent if repeated calls differ, each with the buffers that the call before has left.

    Every other call of ours finds the buffers as they were at first, so that it would not show.
    """
    args, kwargs = arguments_for(model, names)(tensors)
    module = module_of(model)
    with evaluation_mode(model):
        before = _versions(module)
        first = list(named_tensors(module(*args, **kwargs)))
        for _ in range(_CALLS if _versions(module) != before else 0):
            for (path, expected), (_, found) in zip(first, named_tensors(module(*args, **kwargs)), strict=False):
                if not _alike(expected, found):
                    raise NotEquivalent(
                        "the model keeps state in its buffers: called again with the same inputs, it answers otherwise",
                        where=f"output {'.'.join(map(str, path)) or '0'} of {type(module).__name__}",
                        remedy="make the state an input and an output of forward: an ONNX model keeps none between calls",
                    )


def _versions(module: torch.nn.Module) -> list[tuple[int, int]]:
    return [(id(buffer), buffer._version) for buffer in module.buffers()]


def _alike(before: torch.Tensor, after: torch.Tensor) -> bool:
    import torch

    if before.shape != after.shape or not before.is_floating_point():
        return bool(torch.equal(before, after))
    return bool(torch.allclose(before, after, 1e-5, 1e-6, equal_nan=True))


def _program_arguments(program: Any) -> Callable[[Sequence[Any]], tuple[tuple[Any, ...], dict[str, Any]]]:
    """Return a function from an exported program's input tensors to the arguments it was exported with, constants filled in."""
    from torch.utils import _pytree

    slots = [spec.arg for spec in program.graph_signature.input_specs if spec.kind.name == "USER_INPUT"]

    def arguments(tensors: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        remaining = iter(tensors)
        leaves = [slot.value if hasattr(slot, "value") else next(remaining) for slot in slots]
        args, kwargs = _pytree.tree_unflatten(leaves, program.call_spec.in_spec)
        return args, kwargs

    return arguments


def named_tensors(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Flatten what a forward returns, in order, into tensors with the keys and positions that lead to them.

    Mappings, sequences and dataclasses nest; None is left out; numbers become scalars (int64, float32 or bool).

    Raises:
        CannotConvert: for anything else, which no ONNX output can hold.
    """
    import torch

    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or value.is_quantized:
            raise _no_output(f"a {value.layout} or quantized tensor", path)
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from named_tensors(item, (*path, str(key)))
    elif isinstance(value, (tuple, list)):
        for index, item in enumerate(value):
            yield from named_tensors(item, (*path, index))
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from named_tensors(getattr(value, field.name), (*path, field.name))
    elif isinstance(value, (bool, torch.SymBool)):
        yield path, torch.scalar_tensor(value, dtype=torch.bool)
    elif isinstance(value, (int, torch.SymInt)):
        yield path, torch.scalar_tensor(value, dtype=torch.int64)
    elif isinstance(value, (float, torch.SymFloat)):
        yield path, torch.scalar_tensor(value, dtype=torch.float32)
    elif value is not None:
        raise _no_output(f"a {type(value).__name__}", path)


def _no_output(what: str, path: tuple[str | int, ...]) -> CannotConvert:
    place = ".".join(map(str, path)) or "the result"
    cached = "set model.config.use_cache = False, or " if what.endswith("Cache") else ""  # of transformers
    return CannotConvert(
        f"the model returns {what}, which no ONNX output can hold",
        where=f"{place} of forward",
        remedy=cached + "return tensors, or tuples, lists and dicts of tensors",
    )


@contextlib.contextmanager
def evaluation_mode(model: Any) -> Iterator[set[str]]:
    """Put a model in evaluation mode, without gradients, with a fixed random state; afterwards it is as it was.

    Training flags of all submodules, buffers (running statistics, caches) and the random state are restored, also on
    failure. Inside, layers compute as `data_dependent_paths_disabled` has them; yields what that meets.
    Uses no_grad, since a tensor that forward caches under inference_mode could not be exported later.
    """
    import torch

    module = module_of(model)
    flags = [(part, part.training) for part in module.modules() if hasattr(part, "training")]
    buffers = [(name, buffer, buffer._version, buffer.detach().clone()) for name, buffer in module.named_buffers()]
    try:
        if not is_program(model):
            module.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=()), data_dependent_paths_disabled(module) as seen:
            torch.manual_seed(0)
            yield seen
    finally:
        for part, training in flags:
            part.training = training
        _restore(module, buffers)


def _restore(module: torch.nn.Module, buffers: Sequence[tuple[str, torch.Tensor, int, torch.Tensor]]) -> None:
    import torch

    parts = dict(module.named_modules())  # get_submodule is not there on ScriptModules
    for name, buffer, version, value in buffers:
        path, _, leaf = name.rpartition(".")
        owner = parts[path]
        if getattr(owner, leaf) is not buffer:
            setattr(owner, leaf, buffer)
        if buffer._version != version:
            with torch.no_grad():
                buffer.copy_(value)


def device_of(module: torch.nn.Module) -> torch.device:
    """Return the device of a module's first parameter or buffer; the CPU when it has none."""
    import torch

    for tensors in (module.parameters(), module.buffers()):
        for tensor in tensors:
            return tensor.device
    return torch.device("cpu")
