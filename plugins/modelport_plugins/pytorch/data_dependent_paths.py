"""Data-dependent paths of PyTorch's own layers disabled for an export: masks are not searched, states are given."""

from __future__ import annotations

import contextlib
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch


PADDED = (
    "at positions that src_key_padding_mask leaves out, the result is what the layers compute there, as torch.export and "
    "training have it; the fast path that PyTorch itself may take gives zeros there"
)
STATELESS = (
    "pack with enforce_sorted=False, or give the recurrent layer its initial state: zeros for each row of the batch"
)


@contextlib.contextmanager
def data_dependent_paths_disabled(module: torch.nn.Module) -> Iterator[set[str]]:
    """Disable fused kernels and value-dependent branches of a module's layers; afterwards they are as they were.

    Attention runs without its fused operators, masks are not searched for a causal form, and recurrent layers on packed
    sequences get their zero state. Yields what was met on the way, as it happens: `PADDED` and `STATELESS`.
    """
    import torch

    seen: set[str] = set()
    hooks = {
        torch.nn.TransformerEncoder: _encoder,
        torch.nn.TransformerDecoder: _decoder,
        torch.nn.RNNBase: _recurrent,
    }
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    with contextlib.ExitStack() as stack:
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast)
        for part in module.modules():
            for kind, fill in hooks.items():
                if isinstance(part, kind):
                    stack.callback(part.register_forward_pre_hook(_hook(fill, seen), with_kwargs=True).remove)
        yield seen


def _hook(fill: Callable[[Any, dict[str, Any], set[str]], None], seen: set[str]) -> Callable[..., Any]:
    """Return a hook that has `fill` complete the arguments, by name, of a layer's forward."""

    def hook(part: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        bound = inspect.signature(part.forward).bind(*args, **kwargs)
        bound.apply_defaults()
        fill(part, bound.arguments, seen)
        return bound.args, bound.kwargs

    return hook


def _encoder(part: Any, arguments: dict[str, Any], seen: set[str]) -> None:
    """Say that a mask is not causal, which leaves attention to the mask: a stack of layers would look at its values."""
    if "is_causal" in arguments and arguments["is_causal"] is None:
        arguments["is_causal"] = False
    if arguments.get("src_key_padding_mask") is not None and getattr(part, "use_nested_tensor", False):
        seen.add(PADDED)


def _decoder(part: Any, arguments: dict[str, Any], seen: set[str]) -> None:
    """Say of the target's mask what `_encoder` says."""
    if "tgt_is_causal" in arguments and arguments["tgt_is_causal"] is None:
        arguments["tgt_is_causal"] = False


def _recurrent(part: Any, arguments: dict[str, Any], seen: set[str]) -> None:
    """Give a layer on a packed sequence its zero state, the batch counted by a shape.

    The layer itself counts it by the packed batch_sizes, and TorchScript exports those only where the packed results are
    used. A sequence that came sorted has no other count.
    """
    from torch.nn.utils.rnn import PackedSequence

    packed = arguments.get("input")
    if not isinstance(packed, PackedSequence) or "hx" not in arguments or arguments["hx"] is not None:
        return
    if packed.sorted_indices is None:
        seen.add(STATELESS)
        return
    layers = part.num_layers * (2 if part.bidirectional else 1)
    sizes = (part.proj_size or part.hidden_size, part.hidden_size)
    hidden, cell = (packed.data.new_zeros(layers, packed.sorted_indices.numel(), size) for size in sizes)
    arguments["hx"] = (hidden, cell) if part.mode == "LSTM" else hidden
