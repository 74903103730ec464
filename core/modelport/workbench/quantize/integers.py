"""The integer modes on onnxruntime.quantization: dynamic and static int8, and int4 weights."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray
from onnx_ir.passes import common

from modelport.artifact import write_onnx
from modelport.workbench.quantize import graph as graphs

DYNAMIC_OPS = ("MatMul", "Gather", "LSTM", "Attention", "EmbedLayerNormalization")
"""Conv is left out: ConvInteger runs slower than the float convolution it replaces; static mode is for convolutions."""

INT4_BLOCK = 32
_INT8_ACCUMULATION = 4
"""MatMulNBits then rounds its input to int8 block by block; its other kernels unpack the weights to float for every call."""

_SMALL = 1024
_SUFFIX = "_quantized"
_LARGEST = 127

Batches = Sequence[Mapping[str, NDArray[Any]]]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what onnxruntime's quantiser logs off the terminal: advice on steps that are taken here, and its progress."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)


def dynamic_candidates(model: ir.Model) -> list[str]:
    """Return the names of the nodes with a weight that dynamic mode quantises."""
    return [
        str(node.name)
        for node in model.graph
        if (node.op_type in DYNAMIC_OPS or node.op_type == "Gemm") and _dynamic_weight(node) is not None
    ]


def int4_candidates(model: ir.Model) -> list[str]:
    """Return the names of the nodes that multiply by a constant matrix."""
    return [
        str(node.name)
        for node in graphs.nodes(model)
        if node.op_type in ("MatMul", "Gemm") and (value := graphs.weight(node, 1)) is not None and _rank(value) == 2
    ]


def static_candidates(model: ir.Model) -> list[str]:
    """Return the names of the nodes that QDQ quantises and that compute: the others only move data."""
    return [str(node.name) for node in model.graph if node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul")]


def dynamic(model: ir.Model, keep: frozenset[str], scratch: Path, *, per_channel: bool, reduce_range: bool) -> ir.Model:
    """Quantise weights to int8 now and activations to uint8 as they come.

    The graph is rewritten with small stand-ins for the weights, which are quantised one at a time when the result is
    written: onnxruntime's quantizer holds four copies of them.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    graphs.split_gemms(model, keep)
    common.ShapeInferencePass(check_type=False, strict_mode=False)(model)
    weights = _stand_in(model, keep)
    write_onnx(model, scratch, "never")
    result = scratch.with_name("quantized.onnx")
    quantize_dynamic(
        scratch, result, op_types_to_quantize=list(DYNAMIC_OPS), per_channel=per_channel, reduce_range=reduce_range,
        weight_type=QuantType.QInt8, nodes_to_exclude=_with_parts(keep),
        extra_options={"MatMulConstBOnly": True, "EnableSubgraph": False, "DefaultTensorType": onnx.TensorProto.FLOAT},
    )  # fmt: skip
    made = ir.load(result)
    _fill(made, weights, _LARGEST // 2 if reduce_range else _LARGEST)
    return made


def beyond(model: ir.Model, scratch: Path, batches: Batches, largest: float) -> set[str]:
    """Return the names of the values of a float32 model that grow larger than a number on some of the batches."""
    from onnxruntime.quantization import CalibrationMethod
    from onnxruntime.quantization.calibrate import create_calibrator

    plain = scratch.with_name("ranges.onnx")
    write_onnx(model, plain)
    with quiet():
        calibrator = create_calibrator(
            plain, [], augmented_model_path=str(plain.with_name("augmented.onnx")),
            calibrate_method=CalibrationMethod.MinMax, use_external_data_format=_is_large(plain),
        )  # fmt: skip
        calibrator.collect_data(_reader(batches))
        ranges = calibrator.compute_data()
    return {name for name, found in ranges.items() if np.abs(found.range_value).max() > largest}


def static(
    source: Path, keep: frozenset[str], scratch: Path, batches: Batches, *, per_channel: bool, reduce_range: bool, method: str
) -> ir.Model:  # fmt: skip
    """Quantise weights to int8 and activations to uint8 ranges seen in the calibration data, as QuantizeLinear pairs.

    Args:
        source: the file that `fold` wrote.
        keep: names of the nodes that stay in float.
        scratch: where the result is written.
        batches: the calibration data.
        per_channel: a scale for each output channel of a weight.
        reduce_range: seven bits, for processors whose 8-bit products saturate.
        method: minmax, entropy or percentile.
    """
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    methods = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}
    quantize_static(
        source, scratch, _reader(batches), quant_format=QuantFormat.QDQ, per_channel=per_channel, reduce_range=reduce_range,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, nodes_to_exclude=sorted(keep),
        calibrate_method=getattr(CalibrationMethod, methods[method]), use_external_data_format=_is_large(source),
        calibration_cache_path=scratch.with_name("ranges.json"),
    )  # fmt: skip
    return ir.load(scratch)


def fold(model: ir.Model, scratch: Path) -> Path:
    """Let ONNX Runtime fold batch normalisations into convolutions, in standard operators that keep their names."""
    import onnxruntime

    plain, folded = scratch.with_name("plain.onnx"), scratch.with_name("folded.onnx")
    write_onnx(model, plain)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folded)
    if _is_large(plain):
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "folded.onnx.data")
    onnxruntime.InferenceSession(
        str(plain), options, providers=["CPUExecutionProvider"], disabled_optimizers=["MatMulAddFusion"]
    )
    return folded


def write_split(model: ir.Model, keep: frozenset[str], scratch: Path) -> None:
    """Write the model with its Gemms split: `int4` reads it once the mapped weights of this one are gone."""
    graphs.split_gemms(model, keep)
    write_onnx(model, scratch)


def int4(source: Path, keep: frozenset[str]) -> ir.Model:
    """Store the matrices of MatMul in four bits, symmetric, a scale for each block of 32 rows; activations stay float."""
    from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer

    setting = DefaultWeightOnlyQuantConfig(
        block_size=INT4_BLOCK, is_symmetric=True, accuracy_level=_INT8_ACCUMULATION, op_types_to_quantize=("MatMul",)
    )
    quantizer = MatMulNBitsQuantizer(onnx.load(str(source)), algo_config=setting, nodes_to_exclude=sorted(keep))
    quantizer.process()
    made: ir.Model = ir.from_proto(quantizer.model.model)
    return made


def _reader(batches: Batches) -> Any:
    """Return the batches as onnxruntime wants to read them."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._batches: Iterator[Mapping[str, NDArray[Any]]] = iter(batches)

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            batch = next(self._batches, None)
            return None if batch is None else dict(batch)

    return Reader()


def _dynamic_weight(node: ir.Node) -> ir.Value | None:
    return graphs.weight(node, 0 if node.op_type == "Gather" else 2 if node.op_type == "EmbedLayerNormalization" else 1)


def _rank(value: ir.Value) -> int:
    return len(value.const_value.shape) if value.const_value is not None else 0


def _with_parts(keep: frozenset[str]) -> list[str]:
    """Name the MatMul, too, that onnxruntime makes of a Gemm that was to be spared."""
    return sorted({*keep, *(f"{name}_MatMul" for name in keep)})


def _stand_in(model: ir.Model, keep: frozenset[str]) -> dict[str, tuple[ir.TensorProtocol, bool]]:
    """Replace the large matrices of MatMul and Gather by single numbers; return them, and whether they are a MatMul's."""
    weights: dict[str, tuple[ir.TensorProtocol, bool]] = {}
    for node in model.graph:
        value = (
            graphs.weight(node, {"MatMul": 1, "Gather": 0}.get(node.op_type, -1))
            if node.op_type in ("MatMul", "Gather")
            else None
        )
        if value is None or node.name in keep or _rank(value) != 2 or value.const_value is None:
            continue
        uses = {use.node.op_type for use in value.uses()}
        if value.const_value.nbytes > _SMALL and len(uses) == 1:
            weights[str(value.name)] = (value.const_value, node.op_type == "MatMul")
    for name in weights:
        value = model.graph.initializers[name]
        value.const_value = ir.tensor(np.ones((1, 1), np.float32), name=name)
        value.shape = ir.Shape((1, 1))
    return weights


def _fill(model: ir.Model, weights: Mapping[str, tuple[ir.TensorProtocol, bool]], largest: int) -> None:
    """Put the weights, quantised as they are read, in the place of their stand-ins."""
    initializers = model.graph.initializers
    for name, (tensor, _) in weights.items():
        if name in initializers:  # a node that stays in float uses it
            _set(initializers[name], tensor)
        if name + _SUFFIX not in initializers:
            continue
        scale_value, zero_value = initializers[f"{name}_scale"], initializers[f"{name}_zero_point"]
        per_channel = scale_value.const_value is not None and len(scale_value.const_value.shape) == 1
        bound = np.abs(tensor.numpy()).max(axis=0 if per_channel else None)
        scale = np.where(bound > 0, bound / np.float32(largest), 1).astype(np.float32)
        _set(scale_value, ir.tensor(scale))
        _set(zero_value, ir.tensor(np.zeros(scale.shape, np.int8)))
        rounded = _rounding(tensor, scale, largest)
        _set(initializers[name + _SUFFIX], ir.LazyTensor(rounded, dtype=ir.DataType.INT8, shape=tensor.shape))  # type: ignore[arg-type]


def _rounding(tensor: ir.TensorProtocol, scale: NDArray[Any], largest: int) -> Callable[[], ir.TensorProtocol]:
    def rounded() -> ir.TensorProtocol:
        return ir.tensor(np.clip(np.rint(tensor.numpy() / scale), -largest, largest).astype(np.int8))

    return rounded


def _set(value: ir.Value, tensor: ir.TensorProtocol) -> None:
    tensor.name = value.name
    value.const_value, value.shape, value.dtype = tensor, ir.Shape(tensor.shape.numpy()), tensor.dtype


def _is_large(path: Path) -> bool:
    return path.with_name(path.name + ".data").exists()
