"""The TensorFlow Lite plugin: .tflite files, written by TensorFlow's converter and run by LiteRT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from modelport.errors import CannotConvert, InvalidOption, ModelportError, SourceUnreadable, inputs_refused
from modelport.signature import DTYPES, Signature, TensorSpec
from modelport.spec import Detection, Framework, Option, Options, hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    import onnx_ir as ir

    from modelport.spec import Array, Arrays, OnnxModel, Values

_MAGIC = b"TFL3"
"""The file identifier of TensorFlow Lite's schema, at offset 4."""

_INT8 = ("none", "dynamic", "full")

_ROUNDED = (
    "the weights are rounded to {what}, as -O {option} asks: --rtol and --atol set the difference that you accept"
)
_INTEGERS = (
    "the file computes in integers: ONNX Runtime's kernels for them saturate on processors without VNNI instructions; "
    "--rtol and --atol set the difference that you accept"
)


@hookimpl
def framework() -> Framework:
    """Describe TensorFlow Lite."""
    return Framework(
        key="tflite",
        title="TensorFlow Lite",
        suffixes=(".tflite",),
        requires=("ai_edge_litert", "tensorflow", "tf2onnx"),
        install="pip install 'modelport[tflite]'",
        modules=("ai_edge_litert",),
        aliases=("litert",),
        options=(
            Option("float16", "bool", False, "store the weights as float16", lossy=True),
            Option(
                "int8", "str", "none", "store the weights as int8; full calibrates on the samples", _INT8, lossy=True
            ),
            Option("inputs_layout", "str", "nchw", "the layout of image inputs in what is written", ("nchw", "nhwc")),
        ),
        distributions=("ai-edge-litert", "tensorflow", "tf2onnx"),
        finite_only=True,
    )


@hookimpl
def detect(source: Path) -> Detection | None:
    """Claim files with TensorFlow Lite's identifier, and less surely those with its suffix."""
    if not source.is_file():
        return None
    with source.open("rb") as file:
        if file.read(8)[4:] == _MAGIC:
            return Detection(1.0, "the file identifier TFL3")
    return Detection(0.5, "the suffix .tflite") if source.suffix.lower() == ".tflite" else None


@hookimpl
def load(source: Path, options: Options) -> Any:
    """Open a file in LiteRT's interpreter.

    Raises:
        UnsafeSource: when it reads other files, or runs operators of TensorFlow that do, and is not trusted.
        SourceUnreadable: when it is damaged or no such file.
        UnsupportedOps: when it holds operators that are not among LiteRT's own.
    """
    from modelport_converters.tensorflow_to_onnx.litert import LiteModel
    from modelport_plugins.tflite.safety import check

    if not source.is_file():
        raise SourceUnreadable("not a file", where=str(source), remedy="pass the .tflite file")
    content = source.read_bytes()
    if content[4:8] == _MAGIC:  # LiteRT refuses others
        check(content, source, trust=options.trust)
    try:
        return LiteModel(content)
    except ModelportError as error:
        error.where = str(source)
        raise


@hookimpl
def signature(model: Any, options: Options) -> Signature:
    """Name inputs and outputs as the file's signature does, else after the tensors; unknown sizes are symbolic."""
    from modelport_converters.tensorflow_to_onnx.interface_names import symbolic

    model = _opened(model)

    def described(tensor: Any) -> TensorSpec:
        if tensor.dtype not in DTYPES:
            raise CannotConvert(f"ONNX has no form for the dtype {tensor.dtype}", where=f"the tensor {tensor.name!r}")
        return TensorSpec(tensor.name, tensor.dtype, symbolic(tensor.name, tensor.sizes))

    return Signature(tuple(map(described, model.inputs)), tuple(map(described, model.outputs)))


@hookimpl
def to_onnx(model: Any, signature: Signature, opset: int, options: Options) -> OnnxModel:
    """Translate the file's main graph."""
    _tensorflow()
    from modelport_converters.tensorflow_to_onnx.tflite_export import export_flatbuffer

    model = _opened(model)
    if model.quantized:
        options.note(_INTEGERS)
    return export_flatbuffer(model, signature.inputs, signature.outputs, opset=opset)


@hookimpl
def from_onnx(model: ir.Model, options: Options, samples: Arrays | None) -> Any:
    """Translate to a tf.Module and that to the contents of a file, opened in LiteRT's interpreter.

    Raises:
        InvalidOption: for float16 and int8 at once, and for full int8 without samples to calibrate on.
        UnsupportedOps: with every operator that TensorFlow, or TensorFlow Lite, cannot express.
    """
    _refuse_options(options, samples)
    _tensorflow()
    from modelport_converters.onnx_to_tensorflow.build import build, is_image
    from modelport_converters.onnx_to_tensorflow.lite import to_flatbuffer
    from modelport_converters.tensorflow_to_onnx.litert import LiteModel

    module = build(model, inputs_layout=options["inputs_layout"], lite=True)
    calibration = []
    if options["int8"] == "full" and samples is not None:
        values = [value for value in model.graph.inputs if value.name in samples]
        last = [options["inputs_layout"] == "nhwc" and is_image(value) for value in values]
        arrays = [samples[str(value.name)] for value in values]
        calibration = [np.moveaxis(array, 1, -1) if moved else array for array, moved in zip(arrays, last, strict=True)]
    _note_rounding(options)
    content = to_flatbuffer(module, float16=options["float16"], int8=options["int8"], calibration=calibration)
    return LiteModel(content)


@hookimpl
def save(model: Any, path: Path, options: Options) -> Sequence[Path]:
    """Write the contents of the file."""
    path.write_bytes(_opened(model).content)
    return [path]


@hookimpl
def run(model: Any, signature: Signature, inputs: Arrays, options: Options) -> Values:
    """Run the model in LiteRT, resized to the inputs."""
    from modelport_converters.onnx_to_tensorflow.interface import positions

    model = _opened(model)
    arrays = _arguments(model, signature, inputs, options)
    with inputs_refused("TensorFlow Lite", (ValueError, RuntimeError)):
        answers = model.answer(arrays)
    order = positions([tensor.name for tensor in model.outputs], [spec.name for spec in signature.outputs])
    return {spec.name: answers[at] for spec, at in zip(signature.outputs, order, strict=True)}


@hookimpl
def runner(model: Any, signature: Signature, inputs: Arrays, options: Options, threads: int) -> Callable[[], object]:
    """Time an invocation, the outputs read; the interpreter is opened anew for its number of threads."""
    from modelport_converters.tensorflow_to_onnx.litert import LiteModel

    opened = LiteModel(_opened(model).content, threads)
    opened.feed(_arguments(opened, signature, inputs, options))

    def once() -> list[Any]:
        opened.invoke()
        return [opened.get_tensor(tensor.index) for tensor in opened.outputs]

    return once


def _tensorflow() -> None:
    from modelport_converters.tensorflow_to_onnx.quiet_import import import_tensorflow

    import_tensorflow()


def _opened(model: Any) -> Any:
    """Return the model with the contents of its file; a plain Interpreter and the bytes of a file are opened anew."""
    from modelport_converters.tensorflow_to_onnx.litert import LiteModel

    if isinstance(model, LiteModel):
        return model
    content = model if isinstance(model, bytes | bytearray) else getattr(model, "_model_content", None)
    if content is None:
        raise CannotConvert("the interpreter does not hold the contents of its file", remedy="pass the file's path")
    return LiteModel(bytes(content))


def _arguments(model: Any, signature: Signature, inputs: Arrays, options: Options) -> list[Array]:
    """Return the arrays in the model's own order and layout."""
    from modelport_converters.onnx_to_tensorflow.interface import is_channels_last, positions

    order = positions([tensor.name for tensor in model.inputs], [spec.name for spec in signature.inputs])
    arrays: list[Any] = [None] * len(model.inputs)
    for spec, at in zip(signature.inputs, order, strict=True):
        arrays[at] = inputs[spec.name]
        if options["inputs_layout"] == "nhwc" and is_channels_last(model.inputs[at].sizes, spec.shape, spec.dtype):
            arrays[at] = np.moveaxis(arrays[at], 1, -1)
    return arrays


def _refuse_options(options: Options, samples: Arrays | None) -> None:
    if options["float16"] and options["int8"] != "none":
        raise InvalidOption("weights are stored as float16 or as int8, not both", remedy="leave one of the options out")
    if options["int8"] == "full" and samples is None:
        raise InvalidOption(
            "int8=full calibrates the ranges of values on samples, and there are none",
            remedy="pass some hundred typical inputs with --samples, or choose -O int8=dynamic",
        )


def _note_rounding(options: Options) -> None:
    if options["float16"]:
        options.note(_ROUNDED.format(what="float16", option="float16=true"))
    if options["int8"] != "none":
        options.note(_ROUNDED.format(what="int8", option=f"int8={options['int8']}"))
