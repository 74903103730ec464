"""State dicts: found in a checkpoint, loaded into the module that --model builds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelport.errors import BadInput, InvalidOption, StateDictMismatch, nearest
from modelport.loading.factory import build

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from modelport.spec import Options

_USUAL_KEYS = ("state_dict", "model_state_dict", "model", "module", "weights", "params", "net")
_PREFIXES = {"module.": "DataParallel", "_orig_mod.": "torch.compile"}


def load_into(content: Mapping[str, Any], source: Path, options: Options) -> torch.nn.Module:
    """Build the module that --model names and give it the weights of a checkpoint, in evaluation mode.

    The checkpoint's tensors become the module's parameters without a copy, so a file mapped into memory stays mapped.

    Raises:
        BadInput: without --model, or when the checkpoint holds no weights.
        StateDictMismatch: when keys or shapes differ.
    """
    import torch

    if options.factory is None:
        raise BadInput(
            "a state dict holds weights but no model",
            where=str(source),
            remedy="name the class or function that builds the model: --model module:factory",
        )
    state = _weights(content, source, options)
    module = build(options.factory, torch.nn.Module, "torch.nn.Module")
    expected = module.state_dict()
    state = _without_prefixes(state, expected, options)
    shapes = [
        f"{key} is {list(state[key].shape)} in the file and {list(tensor.shape)} in the module"
        for key, tensor in expected.items()
        if key in state and hasattr(tensor, "shape") and state[key].shape != tensor.shape
    ]
    if shapes:
        raise StateDictMismatch(str(source), _keys(expected, state), _keys(state, expected), shapes)
    _assign(module, _in_dtypes_of(expected, state, options), source)
    return module.eval()


def _weights(content: Mapping[str, Any], source: Path, options: Options) -> Mapping[str, Any]:
    """Return the part of a checkpoint that holds the weights: what state_dict_key says, all of it, or a usual key."""
    wanted = options.values.get("state_dict_key")
    if wanted:
        return _part(content, wanted, source)
    if _is_state_dict(content):
        return content
    for key in _USUAL_KEYS:
        if key in content and _is_state_dict(content[key]):
            options.note(f"the weights were taken from the key {key!r} of the checkpoint")
            return content[key]  # type: ignore[no-any-return]
    raise BadInput(
        f"the checkpoint holds no weights under a usual key; it has {_some(content)}",
        where=str(source),
        remedy="say where the state dict is: -O state_dict_key=NAME (dots reach deeper)",
    )


def _part(content: Mapping[str, Any], wanted: str, source: Path) -> Mapping[str, Any]:
    part: Any = content
    for key in wanted.split("."):
        if not isinstance(part, Mapping) or key not in part:
            keys = [str(name) for name in part] if isinstance(part, Mapping) else []
            close = nearest(key, keys)
            hint = f"did you mean {close!r}? " if close else ""
            raise InvalidOption(
                f"the checkpoint has no {key!r} for state_dict_key={wanted}",
                where=str(source),
                remedy=f"{hint}it has {_some(keys)}",
            )
        part = part[key]
    if not _is_state_dict(part):
        raise InvalidOption(
            f"state_dict_key={wanted} is no state dict", where=str(source), remedy="name a mapping of names to tensors"
        )
    return part  # type: ignore[no-any-return]


def _is_state_dict(value: Any) -> bool:
    import torch

    if not isinstance(value, Mapping) or not value:
        return False
    return all(isinstance(v, torch.Tensor) or str(k).endswith("_extra_state") for k, v in value.items())


def _without_prefixes(state: Mapping[str, Any], expected: Mapping[str, Any], options: Options) -> Mapping[str, Any]:
    """Strip what DataParallel and torch.compile put before every key, unless the module itself has it."""
    for prefix, wrapper in _PREFIXES.items():
        if all(key.startswith(prefix) for key in state) and not any(key.startswith(prefix) for key in expected):
            metadata = getattr(state, "_metadata", None)
            state = _StateDict((key.removeprefix(prefix), tensor) for key, tensor in state.items())
            if metadata is not None:
                state._metadata = {f"{key}.".removeprefix(prefix)[:-1]: value for key, value in metadata.items()}
            options.note(f"the prefix {prefix!r}, left by {wrapper}, was stripped from the keys of the state dict")
    return state


class _StateDict(dict[str, Any]):
    """A dict with the attribute in which torch keeps the versions of module classes, which load_state_dict needs."""

    _metadata: dict[str, Any]


def _in_dtypes_of(expected: Mapping[str, Any], state: Mapping[str, Any], options: Options) -> _StateDict:
    """Convert tensors to the dtypes of the module that the factory built, as load_state_dict does when it copies."""
    changed = {
        key: tensor.to(expected[key].dtype)
        for key, tensor in state.items()
        if hasattr(tensor, "dtype") and hasattr(expected.get(key), "dtype") and tensor.dtype != expected[key].dtype
    }
    if changed:
        kinds = sorted({f"{state[key].dtype} to {tensor.dtype}" for key, tensor in changed.items()})
        options.note(f"weights were converted to the dtypes of the module: {', '.join(kinds).replace('torch.', '')}")
    converted = _StateDict({**state, **changed})
    if hasattr(state, "_metadata"):
        converted._metadata = state._metadata
    return converted


def _assign(module: torch.nn.Module, state: _StateDict, source: Path) -> None:
    """Put the tensors in place of the module's own, keeping parameters shared that the module shares (tied weights)."""
    shared: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        shared.setdefault(id(parameter), []).append(name)
    for names in shared.values():
        present = [name for name in names if name in state]
        if present:  # formats that store each tensor once leave out the other names of a tied weight
            for name in names:
                state.setdefault(name, state[present[-1]])
    result = module.load_state_dict(state, strict=False, assign=True)
    if result.missing_keys or result.unexpected_keys:
        raise StateDictMismatch(str(source), result.missing_keys, result.unexpected_keys)
    for names in shared.values():
        last = module.get_parameter(names[-1])
        for name in names[:-1]:
            path, _, leaf = name.rpartition(".")
            setattr(module.get_submodule(path), leaf, last)


def _keys(these: Mapping[str, Any], others: Mapping[str, Any]) -> list[str]:
    return [key for key in these if key not in others]


def _some(keys: Any, limit: int = 8) -> str:
    names = [repr(key) for key in keys]
    return ", ".join(names[:limit]) + (", …" if len(names) > limit else "")
