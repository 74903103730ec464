"""The PyTorch plugin: modules, exported programs, TorchScript and state dicts to ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelport.spec import Detection, Framework, Option, Options, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import onnx_ir

    from modelport.signature import Signature
    from modelport.spec import Arrays


@hookimpl
def framework() -> Framework:
    """Describe PyTorch."""
    return Framework(
        key="pytorch",
        title="PyTorch",
        suffixes=(".pt2", ".pt", ".pth", ".ckpt", ".safetensors"),
        requires=("torch", "onnxscript", "safetensors"),
        install="pip install 'modelport[pytorch]'",
        modules=("torch",),
        aliases=("torch",),
        options=(
            Option(
                "exporter",
                "str",
                "auto",
                "how to export: by torch.export (dynamo), by TorchScript, or by the first of them that works",
                choices=("auto", "dynamo", "torchscript"),
            ),
            Option("state_dict_key", "str", None, "where a checkpoint keeps its state dict; dots reach deeper"),
        ),
        distributions=("torch", "onnxscript"),
        variants=("eager", "compiled"),
    )


@hookimpl
def detect(source: Path) -> Detection | None:
    """Claim what torch.export.save, torch.jit.save, torch.save and safetensors write."""
    from modelport_plugins.pytorch import file_formats

    return file_formats.detect(source)


@hookimpl
def load(source: Path, options: Options) -> Any:
    """Load a file in evaluation mode; returns an ExportedProgram, a ScriptModule or an nn.Module."""
    from modelport_plugins.pytorch import loading

    return loading.load(source, options)


@hookimpl
def signature(model: Any, options: Options) -> Signature:
    """Take the inputs from --input or from the exported program; run the model once to learn the outputs."""
    from modelport_plugins.pytorch import signature_inference

    return signature_inference.signature(model, options)


@hookimpl
def to_onnx(model: Any, signature: Signature, opset: int, options: Options) -> onnx_ir.Model:
    """Export in inference mode; weights are shared with the model, which is left as it was."""
    from modelport_plugins.pytorch import exporting

    return exporting.to_onnx(model, signature, opset, options)


@hookimpl
def run(model: Any, signature: Signature, inputs: Arrays) -> Arrays:
    """Run in evaluation mode, without gradients."""
    from modelport_plugins.pytorch.array_conversion import to_array, to_tensor
    from modelport_plugins.pytorch.forward import device_of, flat_outputs, module_of

    names = [spec.name for spec in signature.inputs]
    device = device_of(module_of(model))
    outputs = flat_outputs(model, names, [to_tensor(inputs[name], device) for name in names])
    return {spec.name: to_array(tensor) for spec, (_, tensor) in zip(signature.outputs, outputs, strict=True)}


@hookimpl
def stateless(model: Any, signature: Signature, inputs: Arrays) -> bool:
    """Say whether an exported program changes none of its buffers; of other modules nothing is known beyond their buffers."""
    from modelport_plugins.pytorch.array_conversion import to_tensor
    from modelport_plugins.pytorch.forward import device_of, is_program, module_of, require_stateless

    if is_program(model) and not model.graph_signature.buffers_to_mutate:
        return True
    names, device = [spec.name for spec in signature.inputs], device_of(module_of(model))
    require_stateless(model, names, [to_tensor(inputs[name], device) for name in names])
    return False


@hookimpl
def run_in_float64(model: Any, signature: Signature, inputs: Arrays) -> Arrays:
    """Run a copy of the model in float64."""
    from modelport_plugins.pytorch import float64

    return float64.run_in_float64(model, signature, inputs)


@hookimpl
def runner(model: Any, signature: Signature, inputs: Arrays, variant: str, threads: int) -> Callable[[], object]:
    """Time the module as it is, or compiled for exactly these sizes."""
    from modelport_plugins.pytorch import timing

    return timing.runner(model, signature, inputs, variant, threads)
