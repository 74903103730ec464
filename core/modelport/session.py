"""Running ONNX files: ONNX Runtime, or onnx's reference evaluator where it has no kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from modelport.errors import CheckFailed, InputsRefused

OLDEST_OPSET = 7
"""The oldest opset that ONNX Runtime promises to run."""

_FIRST_UNKNOWN_OPSET = 128
CPU = "CPUExecutionProvider"

_FATAL_ONLY = 4
_EXTERNAL_SHAPE = "Cannot parse data from external tensors"
"""What ONNX Runtime says of a shape that lies outside the file: it reads none while it infers shapes."""
_SHAPE_BYTES = 1024
_ABORTING = ("LSTM", "GRU")
"""Operators whose kernels call std::terminate on an input without elements."""
_NO_KERNEL = ("NOT_IMPLEMENTED", "NotImplemented")


class Session:
    """An ONNX file, ready to run.

    Attributes:
        engine: what runs it, for reports.
        providers: the execution providers in use, the preferred one first; empty where ONNX Runtime does not run it.
        input_names, output_names: in the file's order.
    """

    engine: str
    providers: tuple[str, ...] = ()
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """Return every output by name; strings are object arrays, ZipMap's maps are lists of dictionaries."""
        raise NotImplementedError

    def prepared(self, inputs: Mapping[str, NDArray[Any]]) -> Callable[[], Any]:
        """Return a call that runs the model once on these inputs with nothing around it: what a benchmark times."""
        return partial(self.run, inputs)


class _OrtSession(Session):
    def __init__(
        self,
        path: Path,
        providers: Sequence[str],
        threads: int,
        rest: bool,
        exact: bool,
        optimised: bool,
        outputs: Sequence[str],
    ) -> None:
        self._path = path
        options = onnxruntime.SessionOptions()
        if not optimised:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = _FATAL_ONLY
        options.intra_op_num_threads = threads
        if exact:
            options.add_session_config_entry("session.x64quantprecision", "1")
        if rest:
            options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = _session(path, options, providers, outputs)
        self.providers = tuple(self._session.get_providers())
        self.engine = f"ONNX Runtime {onnxruntime.__version__}"
        self._types = {value.name: value.type for value in self._session.get_inputs()}
        self.input_names = tuple(self._types)
        self.output_names = tuple(value.name for value in self._session.get_outputs())

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """Return every output by name."""
        if self._has_bfloat16(inputs):
            return self._run_bfloat16(inputs)
        if any(array.size == 0 for array in inputs.values()):
            self._check_recurrent()
        return dict(zip(self.output_names, self._session.run(None, dict(inputs)), strict=True))

    def _check_recurrent(self) -> None:
        """Refuse empty inputs to recurrent operators, for which ONNX Runtime ends the whole process."""
        import onnx

        from modelport.model import nodes_of

        model = onnx.load(str(self._path), load_external_data=False)
        found = next((node.op_type for node in nodes_of(model) if node.op_type in _ABORTING), None)
        if found:
            raise InputsRefused(
                f"ONNX Runtime cannot run {found} on an empty batch or sequence",
                where=str(self._path),
                remedy="pass one row at least",
            )

    def prepared(self, inputs: Mapping[str, NDArray[Any]]) -> Callable[[], Any]:
        """Return a call that runs the model once on these inputs with nothing around it."""
        if self._has_bfloat16(inputs):
            feeds = {name: _ort_value(array) for name, array in inputs.items()}
            return partial(self._session.run_with_ort_values, None, feeds)
        return partial(self._session.run, None, dict(inputs))

    def _has_bfloat16(self, inputs: Mapping[str, NDArray[Any]]) -> bool:
        taken = any(array.dtype == ml_dtypes.bfloat16 for array in inputs.values())
        return taken or any("bfloat16" in value.type for value in self._session.get_outputs())

    def _run_bfloat16(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """NumPy has no bfloat16 of its own, so ONNX Runtime takes and gives its bits as OrtValues."""
        feeds = {name: _ort_value(array) for name, array in inputs.items()}
        values = self._session.run_with_ort_values(None, feeds)
        return {name: _from_ort_value(value) for name, value in zip(self.output_names, values, strict=True)}


class _ReferenceSession(Session):
    def __init__(self, path: Path) -> None:
        import onnx
        from onnx.reference import ReferenceEvaluator

        self._evaluator = ReferenceEvaluator(str(path))
        self.engine = f"onnx {onnx.__version__} ReferenceEvaluator"
        self.input_names = tuple(self._evaluator.input_names)
        self.output_names = tuple(self._evaluator.output_names)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """Return every output by name."""
        return dict(zip(self.output_names, self._evaluator.run(None, dict(inputs)), strict=True))


def open_session(
    path: Path,
    *,
    fall_back: bool = False,
    providers: Sequence[str] = (CPU,),
    threads: int = 0,
    rest: bool = False,
    exact: bool = False,
    optimised: bool = True,
    outputs: Sequence[str] = (),
) -> Session:
    """Open an ONNX file for running.

    Args:
        path: the file; external data beside it.
        fall_back: use the reference evaluator where ONNX Runtime has no kernel for an operator.
        providers: execution providers, the preferred one first.
        threads: within an operator; 0 for ONNX Runtime's own choice.
        exact: compute products of 8-bit integers exactly on CPUs without VNNI too, where the faster kernels saturate at 16 bits:
            for proofs, which ask what a model means, not for measuring what it does here.
        rest: let its threads rest between runs, where they would wait for the next one in a busy loop.
        optimised: False runs every operator as it stands in the graph.
        outputs: values of the main graph to return beside its outputs.

    Raises:
        CheckFailed: when ONNX Runtime refuses the model.
    """
    try:
        return _OrtSession(path, providers, threads, rest, exact, optimised, outputs)
    except Exception as error:
        text = " ".join(str(error).split())
        if fall_back and any(mark in f"{type(error).__name__} {text}" for mark in _NO_KERNEL):
            return _ReferenceSession(path)
        raise CheckFailed(
            f"ONNX Runtime refuses the model: {text[:600]}",
            where=str(path),
            remedy="report it with the source model: the export is not usable",
        ) from error


def _session(path: Path, options: Any, providers: Sequence[str], outputs: Sequence[str]) -> Any:
    """Open a file as it is; with further outputs, or with shape tensors outside the file, a copy of it in memory."""
    if not outputs:
        try:
            return onnxruntime.InferenceSession(str(path), options, providers=list(providers))
        except Exception as error:
            if _EXTERNAL_SHAPE not in str(error):
                raise
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.parent))
    return onnxruntime.InferenceSession(_with_outputs(path, outputs), options, providers=list(providers))


def _with_outputs(path: Path, outputs: Sequence[str]) -> bytes:
    """Return a model without its large external data, with more of its values as outputs."""
    import onnx
    from onnx.external_data_helper import load_external_data_for_tensor

    from modelport.model import bytes_of, dtype_name, tensors_of

    model = onnx.load(str(path), load_external_data=False)
    for tensor in tensors_of(model):
        outside = tensor.data_location == TensorProto.EXTERNAL
        if outside and bytes_of(dtype_name(tensor.data_type), tensor.dims) <= _SHAPE_BYTES:
            load_external_data_for_tensor(tensor, str(path.parent))
    present = {value.name for value in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in dict.fromkeys(outputs) if name not in present)
    return model.SerializeToString()


@cache
def newest_opset() -> int:
    """Return the newest opset of the default domain that the installed ONNX Runtime opens, found by asking it."""
    import onnx

    for opset in range(min(onnx.defs.onnx_opset_version(), _FIRST_UNKNOWN_OPSET), OLDEST_OPSET, -1):
        value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
        result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
        graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "probe", [value], [result])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _FATAL_ONLY
        try:
            onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        except Exception:
            continue
        return opset
    return OLDEST_OPSET


def _ort_value(array: NDArray[Any]) -> Any:
    if array.dtype == ml_dtypes.bfloat16:
        bits = np.ascontiguousarray(array).view(np.uint16)
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, TensorProto.BFLOAT16)
    return onnxruntime.OrtValue.ortvalue_from_numpy(array)


def _from_ort_value(value: Any) -> Any:
    if value.is_tensor() and "bfloat16" in value.data_type():
        return np.frombuffer(bytes(_raw(value)), ml_dtypes.bfloat16).reshape(value.shape()).copy()
    return value.numpy() if value.is_tensor() else value


def _raw(value: Any) -> Any:
    import ctypes

    size = int(np.prod(value.shape())) * 2
    return (ctypes.c_ubyte * size).from_address(value.data_ptr())
