"""The formats that are fuzzed: how a small intact file of each is made, and the words that convert it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

NETS = """
import torch


def net():
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
"""
"""What --model names; it lies in the folder in which the commands run."""
WEIGHTS = ("--model", "fuzzed_nets:net", "--input", "input:float32[N,4]")


@dataclass(frozen=True)
class Format:
    """A kind of model file.

    Attributes:
        name: in the table.
        source: the file or folder that commands are given; all that `write` makes is subject to mutation.
        write: writes an intact model into a folder.
        words: what the command line needs besides.
    """

    name: str
    source: str
    write: Callable[[Path], None]
    words: tuple[str, ...] = ()


def _iris() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_iris

    return load_iris(return_X_y=True)


def _skops(name: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        import skops.io
        from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
        from sklearn.neighbors import KNeighborsClassifier
        from sklearn.svm import SVC

        made = {
            "forest": lambda: RandomForestClassifier(3, max_depth=3, random_state=0),
            "svc": lambda: SVC(max_iter=100),
            "knn": lambda: KNeighborsClassifier(3),
            "histgb": lambda: HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=4, early_stopping=False),
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a hundred iterations are enough here
            skops.io.dump(made[name]().fit(*_iris()), folder / f"{name}.skops")

    return write


def _onnx_net(external: bool) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        draw = np.random.default_rng(0)
        weights = [
            numpy_helper.from_array(draw.normal(size=(4, 300 if external else 6)).astype(np.float32), "w"),
            numpy_helper.from_array(draw.normal(size=300 if external else 6).astype(np.float32), "b"),
            numpy_helper.from_array(np.array([-1, 2, 3 if not external else 150], np.int64), "shape"),
            numpy_helper.from_array(np.array([1, 0], np.int64), "order"),
            numpy_helper.from_array(np.float32(6), "high"),
        ]
        nodes = [
            helper.make_node("Gemm", ["x", "w", "b"], ["h"], name="dense"),
            helper.make_node("LeakyRelu", ["h"], ["a"], alpha=0.1),
            helper.make_node("Clip", ["a", "", "high"], ["c"]),
            helper.make_node("Reshape", ["c", "shape"], ["r"]),
            helper.make_node("Gather", ["r", "order"], ["g"], axis=1),
            helper.make_node("Transpose", ["g"], ["t"], perm=[0, 2, 1]),
            helper.make_node("ReduceSum", ["t"], ["y"], keepdims=0),
        ]
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [])
        graph = helper.make_graph(nodes, "graph", [x], [y], weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        onnx.save(
            model, folder / "net.onnx", save_as_external_data=external, location="net.onnx.data", size_threshold=1000
        )

    return write


def _keras_net() -> object:
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6, 4), name="x"),
            layers.Conv1D(3, 2, activation="relu"),
            layers.Flatten(),
            layers.Dense(2, "softmax"),
        ]
    )


def _keras(write: Callable[[object, Path], None]) -> Callable[[Path], None]:
    def write_quietly(folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras's advice on HDF5, and what TensorFlow deprecates inside itself
            write(_keras_net(), folder)

    return write_quietly


def _tensorflow_function() -> object:
    import tensorflow as tf

    weight = tf.constant(np.random.default_rng(0).normal(size=(4, 3)), tf.float32)

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, "x")])
    def net(x: tf.Tensor) -> tf.Tensor:
        return tf.identity(tf.reshape(tf.nn.relu(x @ weight), (-1, 3)), "y")

    return net.get_concrete_function()


def _frozen_graph(folder: Path) -> None:
    (folder / "net.pb").write_bytes(_tensorflow_function().graph.as_graph_def().SerializeToString())


def _tflite(folder: Path) -> None:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([_tensorflow_function()], tf.Module())
    (folder / "net.tflite").write_bytes(converter.convert())


def _pytorch(kind: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        import torch

        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2)).eval()
        if kind == "pt2":
            shapes = ({0: torch.export.Dim("N")},)
            torch.export.save(torch.export.export(net, (torch.zeros(2, 4),), dynamic_shapes=shapes), folder / "net.pt2")
        elif kind == "torchscript":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # TorchScript is deprecated
                torch.jit.save(torch.jit.script(net), str(folder / "net.pt"))
        elif kind == "pth":
            torch.save(net.state_dict(), folder / "net.pth")
        else:
            from safetensors.torch import save_file

            save_file(net.state_dict(), folder / "net.safetensors")

    return write


FORMATS = {
    item.name: item
    for item in (
        Format("forest", "forest.skops", _skops("forest")),
        Format("svc", "svc.skops", _skops("svc")),
        Format("knn", "knn.skops", _skops("knn")),
        Format("histgb", "histgb.skops", _skops("histgb")),
        Format("onnx", "net.onnx", _onnx_net(external=False)),
        Format("external", "net.onnx", _onnx_net(external=True)),
        Format("safetensors", "net.safetensors", _pytorch("safetensors"), WEIGHTS),
        Format("pth", "net.pth", _pytorch("pth"), WEIGHTS),
        Format("pt2", "net.pt2", _pytorch("pt2")),
        Format("torchscript", "net.pt", _pytorch("torchscript"), ("--input", "input:float32[N,4]")),
        Format("keras", "net.keras", _keras(lambda net, folder: net.save(folder / "net.keras"))),
        Format("h5", "net.h5", _keras(lambda net, folder: net.save(folder / "net.h5"))),
        Format("savedmodel", "net", _keras(lambda net, folder: net.export(folder / "net", verbose=False))),
        Format("pb", "net.pb", _frozen_graph),
        Format("tflite", "net.tflite", _tflite),
    )
}
