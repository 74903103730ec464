"""The model in float64: a reference for the rounding error of its usual outputs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from modelport_plugins.pytorch.array_conversion import to_array, to_tensor
from modelport_plugins.pytorch.forward import arguments_for, device_of, evaluation_mode, module_of, named_tensors

if TYPE_CHECKING:
    from modelport import Signature
    from modelport.spec import Arrays


def run_in_float64(model: Any, signature: Signature, inputs: Arrays) -> Arrays:
    """Run a copy of the model in float64; raises where some operation insists on another dtype."""
    module = module_of(model)
    names, device = [spec.name for spec in signature.inputs], device_of(module)
    arguments, keywords = arguments_for(model, names)([to_tensor(inputs[name], device) for name in names])
    with evaluation_mode(model):
        wide = copy.deepcopy(module).double()
        outputs = list(named_tensors(wide(*arguments, **keywords)))
    return {spec.name: to_array(tensor) for spec, (_, tensor) in zip(signature.outputs, outputs, strict=True)}
