"""TensorFlow Lite files that would run TensorFlow's operators, read other files, or lead LiteRT out of its buffer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from hostile import SECRET, Nest
from hostile_operators import printed, read, write

SPEC = tf.TensorSpec((2, 3), tf.float32, name="x")


@dataclass(frozen=True)
class Hostile:
    """A hostile file.

    Attributes:
        make: writes it to a folder, with a nest's canary or secret in it, and returns its path.
        fires: "dies" of a signal in LiteRT; "" where nothing is shown: this LiteRT has no operators of TensorFlow, and finds
            most of what is damaged itself.
        status: of the commands that refuse it.
        cause: what the refusal names.
    """

    make: Callable[[Path, Nest], Path]
    fires: str
    status: int
    cause: str


def flex(compute: Callable[[Any, Nest], Any]) -> Callable[[Path, Nest], Path]:
    """Return what writes a file that computes with TensorFlow's own operators."""

    def make(folder: Path, nest: Nest) -> Path:
        function = tf.function(lambda x: {"y": x + compute(x, nest)}, input_signature=[SPEC])
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], tf.Module())
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        path = folder / "model.tflite"
        path.write_bytes(converter.convert())
        return path

    return make


def looped(x: Any) -> Any:
    """What a harmless model computes: a loop, a split and a sum."""
    doubled = tf.while_loop(lambda i, _: i < 2, lambda i, y: (i + 1, y * 2.0), [0, x])[1]
    first, second, third = tf.split(doubled, 3, axis=1)
    return tf.concat([first + second, second, third], axis=1)


def changed(change: Callable[[Any, Any, Nest], None]) -> Callable[[Path, Nest], Path]:
    """Return what writes a harmless file, one of whose fields is changed."""

    def make(folder: Path, nest: Nest) -> Path:
        function = tf.function(lambda x: {"y": looped(x)}, input_signature=[SPEC])
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], tf.Module())
        model = schema.ModelT.InitFromPackedBuf(converter.convert(), 0)
        change(model, model.subgraphs[0], nest)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        path = folder / "model.tflite"
        path.write_bytes(bytes(builder.Output()))
        return path

    return make


def operator(graph: Any, kind: str) -> Any:
    """Return the first operator of a graph with options of this kind."""
    return next(item for item in graph.operators if type(item.builtinOptions).__name__ == kind)


def in_another_file(model: Any, graph: Any, nest: Nest) -> None:
    group, buffer = schema.ExternalBufferGroupT(), schema.ExternalBufferT()
    group.name = str(nest.secret)
    buffer.id, buffer.group, buffer.offset, buffer.length = 1, 0, 0, len(SECRET)
    model.externalBufferGroups, model.externalBuffers = [group], [buffer]


def outside(model: Any, graph: Any, nest: Nest) -> None:
    model.buffers[0].data, model.buffers[0].offset, model.buffers[0].size = None, 2**40, 2**20


def circle(model: Any, graph: Any, nest: Nest) -> None:
    operator(graph, "WhileOptionsT").builtinOptions.bodySubgraphIndex = 0


def no_such_graph(model: Any, graph: Any, nest: Nest) -> None:
    operator(graph, "WhileOptionsT").builtinOptions.bodySubgraphIndex = 1000


def no_such_code(model: Any, graph: Any, nest: Nest) -> None:
    graph.operators[0].opcodeIndex = 1000


def no_such_tensor(model: Any, graph: Any, nest: Nest) -> None:
    graph.operators[0].outputs = [2**30]


def no_such_output(model: Any, graph: Any, nest: Nest) -> None:
    graph.outputs = [2**30]


def no_such_buffer(model: Any, graph: Any, nest: Nest) -> None:
    graph.tensors[0].buffer = 2**30


def no_such_signature(model: Any, graph: Any, nest: Nest) -> None:
    model.signatureDefs[0].subgraphIndex = 1000


def absent(model: Any, graph: Any, nest: Nest) -> None:
    split = operator(graph, "SplitOptionsT")
    split.inputs = [-1, *split.inputs[1:]]


def miscounted(model: Any, graph: Any, nest: Nest) -> None:
    operator(graph, "SplitOptionsT").builtinOptions.numSplits = 100


def without_options(model: Any, graph: Any, nest: Nest) -> None:
    item = operator(graph, "WhileOptionsT")
    item.builtinOptionsType, item.builtinOptions = schema.BuiltinOptions.AddOptions, schema.AddOptionsT()


def negative(model: Any, graph: Any, nest: Nest) -> None:
    graph.tensors[0].shape = [-5, 3]


def huge(model: Any, graph: Any, nest: Nest) -> None:
    for tensor in graph.tensors:
        tensor.shape, tensor.shapeSignature = [2**20, 2**20], None


def two_shapes(model: Any, graph: Any, nest: Nest) -> None:
    graph.tensors[0].shapeSignature = [2**20, 3]


FILES = {
    "a file written": Hostile(flex(lambda x, nest: write(nest)), "", 7, "WriteFile"),
    "a file read": Hostile(flex(read), "", 7, "ReadFile"),
    "a file printed to": Hostile(flex(printed), "", 7, "PrintV2"),
    "numbers in another file": Hostile(changed(in_another_file), "", 7, "another file"),
    "a buffer outside": Hostile(changed(outside), "", 2, "outside of the file"),
    "graphs in a circle": Hostile(changed(circle), "", 2, "in a circle"),
    "a graph that is not there": Hostile(changed(no_such_graph), "", 2, "which is not there"),
    "a code that is not there": Hostile(changed(no_such_code), "", 2, "which is not there"),
    "a tensor that is not there": Hostile(changed(no_such_tensor), "", 2, "which is not there"),
    "an output that is not there": Hostile(changed(no_such_output), "", 2, "which is not there"),
    "a buffer that is not there": Hostile(changed(no_such_buffer), "", 2, "which is not there"),
    "a signature of a graph that is not there": Hostile(changed(no_such_signature), "", 2, "which is not there"),
    "an absent input": Hostile(changed(absent), "dies", 2, "lacks an input"),
    "outputs that are miscounted": Hostile(changed(miscounted), "dies", 2, "another number of outputs"),
    "a loop without options": Hostile(changed(without_options), "", 2, "names no graph"),
    "a negative size": Hostile(changed(negative), "", 2, "which is not there"),
    "tensors beyond memory": Hostile(changed(huge), "", 2, "memory limit"),
    "two shapes": Hostile(changed(two_shapes), "", 2, "has two shapes"),
}


def die(name: str, folder: Path) -> None:
    """Run a file in LiteRT, unguarded, which may die of it."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(FILES[name].make(folder, Nest(folder))))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.ones((2, 3), np.float32))
    interpreter.invoke()
