"""The call that a benchmark times: eager or compiled, inputs on the module's device, synchronised."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from modelport.errors import BadInput
from modelport_plugins.pytorch.array_conversion import to_tensor
from modelport_plugins.pytorch.forward import arguments_for, device_of, is_program, module_of

if TYPE_CHECKING:
    import torch

    from modelport.signature import Signature
    from modelport.spec import Arrays

_RECOMPILES = 256
"""One for each shape and model of a benchmark: beyond its own limit (8) PyTorch would run eagerly without saying so."""


def runner(model: Any, signature: Signature, inputs: Arrays, variant: str, threads: int) -> Callable[[], object]:
    """Return a call of the model on these inputs (by name, of any shape), without gradients.

    The model is put in evaluation mode, and stays there; `threads` are set for the whole process.

    Raises:
        BadInput: for a TorchScript module that should be compiled.
    """
    import torch

    if threads:
        torch.set_num_threads(threads)
    module = module_of(model)
    if not is_program(model):
        module.eval()
    device = device_of(module)
    names = [spec.name for spec in signature.inputs]
    args, kwargs = arguments_for(model, names)([to_tensor(inputs[name], device) for name in names])
    forward = _compiled(module) if variant == "compiled" else module

    def call() -> object:
        with torch.inference_mode():
            result = forward(*args, **kwargs)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return result

    return call


def _compiled(module: torch.nn.Module) -> Any:
    """Compile a module for exactly the sizes that it is called with."""
    import torch

    if isinstance(module, torch.jit.ScriptModule):
        raise BadInput("a TorchScript module cannot be compiled by torch.compile", remedy="use the variant eager")
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, _RECOMPILES)
    return torch.compile(module, dynamic=False)
