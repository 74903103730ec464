"""Keras files that would run code or read other files, and what they do when Keras loads them unguarded."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import tensorflow as tf
from hostile import SECRET, Nest, rewritten
from keras import layers

WEIGHTS = "model.weights.h5"


@dataclass(frozen=True)
class Hostile:
    """A hostile model.

    Attributes:
        make: writes it to a folder, with a nest's canary or secret in it, and returns its path.
        fires: "loads" when Keras, told that the file is safe, does what it does on loading; "contents" when what lies in the
            file leads out of it; "" where this version of Keras refuses it whatever it is told.
        status: of the commands that refuse it.
        cause: what the refusal names.
    """

    make: Callable[[Path, Nest], Path]
    fires: str
    status: int
    cause: str


def dense(folder: Path, suffix: str = ".keras") -> Path:
    model = keras.Sequential([keras.Input((3,), name="x"), layers.Dense(2, activation="relu", name="dense")])
    model.save(folder / f"model{suffix}")
    return folder / f"model{suffix}"


def configured(change: Callable[[dict[str, Any], Nest], None], suffix: str = ".keras") -> Callable[[Path, Nest], Path]:
    """Return what writes a model whose last layer's configuration is changed."""

    def make(folder: Path, nest: Nest) -> Path:
        path = dense(folder, suffix)

        def changed(text: str | bytes) -> bytes:
            config = json.loads(text)
            change(config["config"]["layers"][-1], nest)
            return json.dumps(config).encode()

        if suffix == ".keras":
            return rewritten(path, folder / "hostile.keras", {"config.json": changed})
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = changed(file.attrs["model_config"])
        return path

    return make


def activated(module: str, name: str) -> Callable[[dict[str, Any], Nest], None]:
    """Return what makes a function the activation of a layer."""

    def change(layer: dict[str, Any], nest: Nest) -> None:
        layer["config"]["activation"] = {
            "module": module, "class_name": "function", "config": name, "registered_name": name,
        }  # fmt: skip

    return change


def replaced(module: str, name: str, **config: Any) -> Callable[[dict[str, Any], Nest], None]:
    """Return what puts an object of another class in the place of a layer."""

    def change(layer: dict[str, Any], nest: Nest) -> None:
        layer.update(module=module, class_name=name, config={**config, "name": "dense"}, registered_name=None)

    return change


WRITING = lambda x: (open("canary", "w").close(), x)[1]  # noqa: E731, PTH123  # holds all that it needs
"""A function whose bytecode, called when a model is built with it, writes the canary of the current folder."""


def bytecode(layer: dict[str, Any], nest: Nest) -> None:
    layer["config"]["activation"] = keras.saving.serialize_keras_object(WRITING)


def lambda_layer(suffix: str) -> Callable[[Path, Nest], Path]:
    def make(folder: Path, nest: Nest) -> Path:
        x = keras.Input((3,), name="x")
        keras.Model(x, layers.Lambda(WRITING)(x)).save(folder / f"model{suffix}")
        nest.canary.unlink()  # building it writes too
        return folder / f"model{suffix}"

    return make


def saved_model_layer(folder: Path, nest: Nest) -> Path:
    """A layer that loads a SavedModel whose initializer writes."""
    from hostile_tensorflow import initializing

    model = initializing(folder, nest)
    config = replaced("keras.layers", "TFSMLayer", filepath=str(model), call_endpoint="serving_default")
    return configured(config)(folder, nest)


def looking_up(kind: type[layers.Layer]) -> Callable[[Path, Nest], Path]:
    """Return what writes a model with a layer that reads its words from the secret."""

    def change(layer: dict[str, Any], nest: Nest) -> None:
        replaced("keras.layers", kind.__name__)(layer, nest)
        layer["config"] = {**kind(name="dense").get_config(), "vocabulary": str(nest.secret)}

    return configured(change)


def pickled(layer: dict[str, Any], nest: Nest) -> None:
    replaced("keras.layers", "TorchModuleWrapper")(layer, nest)
    layer["config"]["module"] = "gASVAAAAAAAAAA=="


# --- HDF5 ----------------------------------------------------------------------------------------


def weights_changed(change: Callable[[h5py.File, Nest], None], suffix: str = ".keras") -> Callable[[Path, Nest], Path]:
    """Return what writes a model whose numbers are changed."""

    def make(folder: Path, nest: Nest) -> Path:
        path = dense(folder, suffix)
        if suffix == ".h5":
            with h5py.File(path, "r+") as file:
                change(file, nest)
            return path
        inner = folder / "inner.h5"

        def changed(content: bytes) -> bytes:
            inner.write_bytes(content)
            with h5py.File(inner, "r+") as file:
                change(file, nest)
            return inner.read_bytes()

        hostile = rewritten(path, folder / "hostile.keras", {WEIGHTS: changed})
        inner.unlink()
        return hostile

    return make


def kernel(file: h5py.File) -> str:
    """Return the path of the first dataset of two axes."""
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if getattr(item, "ndim", 0) == 2 else None)
    return found[0]


def linked(file: h5py.File, nest: Nest) -> None:
    name = kernel(file)
    other = nest.secret.with_suffix(".h5")
    with h5py.File(other, "w") as elsewhere:
        elsewhere["numbers"] = file[name][()]
    del file[name]
    file[name] = h5py.ExternalLink(str(other), "numbers")


def external(file: h5py.File, nest: Nest) -> None:
    name = kernel(file)
    del file[name]
    file.create_dataset(name, (1, 2), "float32", external=[(str(nest.secret), 0, len(SECRET))])


def virtual(file: h5py.File, nest: Nest) -> None:
    name, other = kernel(file), nest.secret.with_suffix(".h5")
    with h5py.File(other, "w") as elsewhere:
        elsewhere["numbers"] = file[name][()]
        source = h5py.VirtualSource(elsewhere["numbers"])
    layout = h5py.VirtualLayout(source.shape, "float32")
    layout[...] = source
    del file[name]
    file.create_virtual_dataset(name, layout)


def shape_beyond_memory(file: h5py.File, nest: Nest) -> None:
    name = kernel(file)
    del file[name]
    file.create_dataset(name, (2**20, 2**20), "float32", chunks=(2**10, 2**10))


# --- archives ------------------------------------------------------------------------------------


def member(name: str, content: bytes = b"x", **info: Any) -> Callable[[Path, Nest], Path]:
    """Return what writes an archive with one more member."""

    def make(folder: Path, nest: Nest) -> Path:
        path = dense(folder)
        item = zipfile.ZipInfo(name)
        item.external_attr = info.get("external_attr", 0o644 << 16)
        item.compress_type = zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(item, content)
        return path

    return make


def bomb(folder: Path, nest: Nest) -> Path:
    return member("assets/zeros", bytes(2**28 + 2**20))(folder, nest)


def weights_linked(folder: Path, nest: Nest) -> Path:
    """An unpacked model whose numbers lie elsewhere."""
    path, model = dense(folder), folder / "model"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(model)
    path.unlink()
    shutil.move(model / WEIGHTS, folder / WEIGHTS)
    (model / WEIGHTS).symlink_to(folder / WEIGHTS)
    return model


# --- sizes ---------------------------------------------------------------------------------------


def many_units(layer: dict[str, Any], nest: Nest) -> None:
    layer["config"]["units"] = 10**10


def repeated(layer: dict[str, Any], nest: Nest) -> None:
    replaced("keras.layers", "RepeatVector", n=10**10)(layer, nest)


FILES = {
    "a lambda": Hostile(lambda_layer(".keras"), "loads", 7, "bytecode"),
    "a lambda in HDF5": Hostile(lambda_layer(".h5"), "loads", 7, "Python code"),
    "bytecode as an activation": Hostile(configured(bytecode), "loads", 7, "bytecode"),
    "bytecode in HDF5": Hostile(configured(bytecode, ".h5"), "loads", 7, "bytecode"),
    "a SavedModel as a layer": Hostile(saved_model_layer, "loads", 7, "a TFSMLayer"),
    "words of a file": Hostile(looking_up(layers.StringLookup), "loads", 7, "StringLookup that reads its vocabulary"),
    "texts by words of a file": Hostile(
        looking_up(layers.TextVectorization), "loads", 7, "TextVectorization that reads"
    ),
    "numbers of a file": Hostile(
        looking_up(layers.IntegerLookup), "", 7, "IntegerLookup that reads"
    ),  # the secret is no number
    "a pickled module": Hostile(configured(pickled), "", 7, "a TorchModuleWrapper"),  # needs the torch backend
    "a download": Hostile(configured(activated("keras.utils", "get_file")), "", 7, "keras.utils.get_file"),
    "a loader": Hostile(configured(activated("keras.saving", "load_model")), "", 7, "keras.saving.load_model"),
    "a switch": Hostile(
        configured(activated("keras.config", "enable_unsafe_deserialization")), "", 7, "enable_unsafe_deserialization"
    ),
    "a command": Hostile(configured(activated("os", "system")), "", 7, "os.system"),
    "a process": Hostile(configured(replaced("subprocess", "Popen", args="true")), "", 7, "subprocess.Popen"),
    "a process in HDF5": Hostile(
        configured(replaced("subprocess", "Popen", args="true"), ".h5"), "", 7, "subprocess.Popen"
    ),
    "a module that is not named": Hostile(
        configured(activated("hostile", "rewritten")), "", 2, "'rewritten' of the module"
    ),
    "numbers behind a link": Hostile(weights_changed(linked), "contents", 7, "a link to another file"),
    "numbers behind a link in HDF5": Hostile(weights_changed(linked, ".h5"), "contents", 7, "a link to another file"),
    "numbers in another file": Hostile(weights_changed(external), "contents", 7, "lie in another file"),
    "numbers in another file in HDF5": Hostile(weights_changed(external, ".h5"), "contents", 7, "lie in another file"),
    "numbers put together": Hostile(weights_changed(virtual), "contents", 7, "put together from other files"),
    "numbers put together in HDF5": Hostile(weights_changed(virtual, ".h5"), "contents", 7, "put together"),
    "a folder's numbers behind a link": Hostile(weights_linked, "contents", 7, "a link that leads out"),
    "a member above the archive": Hostile(member("../canary"), "contents", 7, "outside of the archive"),
    "a member at the root": Hostile(member("/tmp/canary"), "contents", 7, "outside of the archive"),
    "a member that is a link": Hostile(
        member("assets/x", b"../../secret", external_attr=0o120777 << 16), "contents", 7, "a member that is a link"
    ),
    "a member that unpacks to much": Hostile(bomb, "contents", 7, "unpacks to"),
    "a member twice": Hostile(member("./config.json/../config.json"), "contents", 7, "outside of the archive"),
    "weights beyond memory": Hostile(configured(many_units), "", 2, "memory limit"),
    "weights beyond memory in HDF5": Hostile(configured(many_units, ".h5"), "", 2, "memory limit"),
    "a result beyond memory": Hostile(configured(repeated), "", 2, "memory limit"),
    "a dataset beyond memory": Hostile(weights_changed(shape_beyond_memory), "contents", 2, "memory limit"),
}


def fired(hostile: Hostile, folder: Path) -> bool:
    """Load a model with Keras, which is told that it is safe; tell whether it wrote the canary or read the secret."""
    nest = Nest(folder)
    path = hostile.make(folder, nest)
    assert not nest.canary.exists()
    model = keras.saving.load_model(path, safe_mode=False)
    words = [str(layer.get_vocabulary()) for layer in model.layers if hasattr(layer, "get_vocabulary")]
    for layer in model.layers:
        if not words and not nest.canary.exists():
            layer(tf.ones((2, 3)))
    return nest.canary.exists() or any(SECRET.decode() in text for text in words)
