"""The LiteRT interpreter of TensorFlow Lite models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.schema_py_generated import Model as Schema

from modelport.errors import SourceUnreadable, UnsupportedOps
from modelport_converters.tensorflow_to_onnx.interface_names import unique
from modelport_converters.tensorflow_to_onnx.quiet_import import stderr_held_back

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = b"TFL3"
"""The file identifier of TensorFlow Lite's schema, at offset 4."""

_FOREIGN_OPS = ("unresolved custom op", "Didn't find op", "Flex delegate")
"""Messages of LiteRT about operators that are not builtin."""


@dataclass(frozen=True)
class Tensor:
    """One input or output of a model.

    Attributes:
        name: from the signature of the file, else the tensor's own.
        tensor: the tensor's own name.
        index: of the tensor in the interpreter.
        dtype: such as "float32".
        sizes: None where dynamic.
    """

    name: str
    tensor: str
    index: int
    dtype: str
    sizes: tuple[int | None, ...]


class LiteModel(Interpreter):  # type: ignore[misc]  # its package has no types
    """An interpreter that keeps the contents of its file.

    Attributes:
        content: the bytes of the .tflite file.
        inputs, outputs: of the main graph, in its order.
    """

    def __init__(self, content: bytes, threads: int = 0) -> None:
        """Open a model; raises SourceUnreadable for damaged contents, UnsupportedOps for operators that LiteRT lacks."""
        self.content = content
        if content[4:8] != MAGIC:
            raise SourceUnreadable(
                "this is no TensorFlow Lite file: its identifier is missing", remedy="pass a .tflite file"
            )
        try:
            with stderr_held_back(repeat=False):  # native code announces its delegate, and repeats its errors
                super().__init__(model_content=content, num_threads=threads or None)
                self.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise _refusal(error, content) from error
        names = self._names()
        self.inputs = _tensors(self.get_input_details(), names[0], ())
        self.outputs = _tensors(self.get_output_details(), names[1], [tensor.name for tensor in self.inputs])

    @property
    def quantized(self) -> bool:
        """Whether some tensor has quantization parameters."""
        return any(len(detail["quantization_parameters"]["scales"]) for detail in self.get_tensor_details())

    def answer(self, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Run the model on an array for each input, in order; strings are object arrays of str.

        Raises:
            ValueError, RuntimeError: when the model does not admit the shapes.
        """
        self.feed(arrays)
        self.invoke()
        return [self._fetch(tensor) for tensor in self.outputs]

    def feed(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Resize the inputs to the shapes of the arrays, and set them."""
        resized = False
        for detail, array in zip(self.get_input_details(), arrays, strict=True):
            if tuple(detail["shape"]) != array.shape:
                self.resize_tensor_input(detail["index"], array.shape, strict=True)
                resized = True
        if resized:
            with stderr_held_back(repeat=False):
                self.allocate_tensors()
        self.reset_all_variables()
        for tensor, array in zip(self.inputs, arrays, strict=True):
            self.set_tensor(tensor.index, _encoded(array) if tensor.dtype == "string" else np.asarray(array, order="C"))

    def _fetch(self, tensor: Tensor) -> NDArray[Any]:
        array = self.get_tensor(tensor.index)
        if tensor.dtype != "string":
            return np.asarray(array)
        texts = [item.decode("utf-8", "surrogateescape") for item in np.ravel(array).tolist()]
        return np.array(texts, dtype=object).reshape(np.shape(array))

    def _names(self) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
        """Return the names of the main graph's inputs and outputs in its signature, by tensor index."""
        inputs, outputs = self.get_input_details(), self.get_output_details()
        for key in self.get_signature_list():
            runner = self.get_signature_runner(key)
            found = runner.get_input_details(), runner.get_output_details()
            if all(_same(mine, given) for mine, given in zip((inputs, outputs), found, strict=True)):
                return _by_index(found[0]), _by_index(found[1])
        return {}, {}


def _same(own: Sequence[dict[str, Any]], given: dict[str, dict[str, Any]]) -> bool:
    identities = [{(item["index"], item["name"]) for item in items} for items in (own, given.values())]
    return identities[0] == identities[1]


def _by_index(details: dict[str, dict[str, Any]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for name, detail in details.items():
        found.setdefault(detail["index"], []).append(name)
    return found


def _tensors(details: Sequence[dict[str, Any]], names: dict[int, list[str]], taken: Sequence[str]) -> list[Tensor]:
    left = {index: list(group) for index, group in names.items()}  # one tensor may be several outputs
    chosen = [
        left[detail["index"]].pop(0) if left.get(detail["index"]) else detail["name"].removesuffix(":0")
        for detail in details
    ]
    return [
        Tensor(name, detail["name"], detail["index"], _dtype(detail["dtype"]), _sizes(detail))
        for name, detail in zip(unique(chosen, taken), details, strict=True)
    ]


def _sizes(detail: dict[str, Any]) -> tuple[int | None, ...]:
    declared = detail["shape_signature"] if len(detail["shape_signature"]) else detail["shape"]
    return tuple(None if size < 0 else int(size) for size in declared)


def _dtype(kind: Any) -> str:
    dtype = np.dtype(kind)
    return "string" if dtype.kind in "OSU" else dtype.name


def _encoded(array: NDArray[Any]) -> NDArray[Any]:
    texts = [str(item).encode("utf-8", "surrogateescape") for item in array.ravel().tolist()]
    return np.array(texts, dtype=np.bytes_).reshape(array.shape)


def _refusal(error: Exception, content: bytes) -> SourceUnreadable | UnsupportedOps:
    text = " ".join(str(error).split())
    if any(saying in text for saying in _FOREIGN_OPS):
        return UnsupportedOps(
            [f"{name}: it is not among LiteRT's builtin operators" for name in _custom_ops(content)] or [text],
            remedy="convert the model that this file was made from, or write it again with builtin operators only",
        )
    return SourceUnreadable(
        f"LiteRT cannot open the model: {text[:300]}",
        remedy="check that the file is complete, and write it again if it is not",
    )


def _custom_ops(content: bytes) -> list[str]:
    schema = Schema.GetRootAsModel(content, 0)
    codes = [schema.OperatorCodes(index).CustomCode() for index in range(schema.OperatorCodesLength())]
    return [code.decode("utf-8", "replace") for code in codes if code]
