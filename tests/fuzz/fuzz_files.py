"""Mutations of model files by what they are made of: archives, folders, HDF5, safetensors, protobuf, plain bytes."""

from __future__ import annotations

import io
import json
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from fuzz_protobuf import mutated_message
from fuzz_values import mutated_array, mutated_bytes, mutated_json, mutated_npy, mutated_text


def mutate(path: Path, random: Random) -> str:
    """Change a model file, or one file of a model's folder, in place; returns what was done."""
    if path.is_dir():
        return _mutate_folder(path, random)
    if random.random() < 0.2:
        return _mutate_bytes(path, random)
    return _by_kind(path)(path, random)


def _by_kind(path: Path) -> Callable[[Path, Random], str]:
    if zipfile.is_zipfile(path):
        return _mutate_archive
    messages: dict[str, Callable[[], Any]] = {
        ".onnx": _onnx_model, "saved_model.pb": _saved_model, ".pb": _graph_def, "fingerprint.pb": _fingerprint
    }  # fmt: skip
    for key in (path.name, path.suffix):
        if key in messages:
            return lambda path, random: _mutate_protobuf(path, messages[key](), random)
    kinds = {".h5": _mutate_hdf5, ".safetensors": _mutate_safetensors}
    return kinds.get(path.suffix, _mutate_bytes)


def _mutate_bytes(path: Path, random: Random) -> str:
    path.write_bytes(mutated_bytes(path.read_bytes(), random))
    return "bytes"


# --- protobuf ------------------------------------------------------------------------------------------------------


def _mutate_protobuf(path: Path, message: Any, random: Random) -> str:
    message.ParseFromString(path.read_bytes())
    kinds = [mutated_message(message, random) for _ in range(random.choice((1, 1, 1, 2, 3)))]
    path.write_bytes(message.SerializeToString())
    return "; ".join(kinds)


def _onnx_model() -> Any:
    import onnx

    return onnx.ModelProto()


def _saved_model() -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    return saved_model_pb2.SavedModel()


def _graph_def() -> Any:
    from tensorflow.core.framework import graph_pb2

    return graph_pb2.GraphDef()


def _fingerprint() -> Any:
    from tensorflow.core.protobuf import fingerprint_pb2

    return fingerprint_pb2.FingerprintDef()


# --- folders and archives -----------------------------------------------------------------------------------------------


def _mutate_folder(folder: Path, random: Random) -> str:
    """Change one file: its contents, or whether and where it is."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = random.choice(files)
    action = random.choice(("drop", "rename", "double", "contents", "contents", "contents", "contents"))
    if action == "drop":
        path.unlink()
    elif action == "rename":
        path.rename(path.with_name(path.name + "~"))
    elif action == "double":
        shutil.copy(path, random.choice(files).with_name("copy-" + path.name))
    else:
        action = mutate(path, random)
    return f"{path.name}: {action}"


def _mutate_archive(path: Path, random: Random) -> str:
    """Change one member of a zip archive: its contents, its name, or whether it is there."""
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    at = random.randrange(len(members))
    name, content = members[at]
    action = random.choice(("drop", "double", "rename", "empty", "exchange", *["contents"] * 10))
    if action == "drop":
        del members[at]
    elif action == "double":
        members.insert(at, members[at])
    elif action == "rename":
        members[at] = (mutated_text(name, random).replace("\x00", "") or "x", content)
    elif action == "empty":
        members[at] = (name, b"")
    elif action == "exchange":
        members[at] = (name, random.choice(members)[1])
    else:
        action, content = _mutated_member(name, content, random)
        members[at] = (name, content)
    _write_archive(path, members)
    return f"{name}: {action}"


def _mutated_member(name: str, content: bytes, random: Random) -> tuple[str, bytes]:
    if random.random() < 0.15:
        return "bytes", mutated_bytes(content, random)
    if content.startswith(b"\x93NUMPY"):
        return mutated_npy(content, random)
    if name.endswith(".json") and content:
        return mutated_json(content, random)
    if content.startswith(b"\x89HDF"):
        return _mutated_hdf5(content, random)
    return "bytes", mutated_bytes(content, random)


def _write_archive(path: Path, members: list[tuple[str, bytes]]) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")  # a name that is there twice
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)


# --- HDF5 and safetensors -----------------------------------------------------------------------------------------------


def _mutate_hdf5(path: Path, random: Random) -> str:
    kind, content = _mutated_hdf5(path.read_bytes(), random)
    path.write_bytes(content)
    return kind


def _mutated_hdf5(content: bytes, random: Random) -> tuple[str, bytes]:
    """Return what was changed and a file of which one attribute or dataset differs."""
    import h5py

    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as file:
        nodes: list[Any] = [file]
        file.visititems(lambda _, node: nodes.append(node))
        attributes = [(node, name) for node in nodes for name in sorted(node.attrs)]
        datasets = [node for node in nodes if isinstance(node, h5py.Dataset)]
        if attributes and (not datasets or random.random() < 0.5):
            kind = _mutate_attribute(*random.choice(attributes), random)
        else:
            kind = _mutate_dataset(random.choice(datasets), random)
    return f"HDF5 {kind}", stream.getvalue()


def _mutate_attribute(node: Any, name: str, random: Random) -> str:
    value = node.attrs[name]
    if random.random() < 0.15:
        del node.attrs[name]
        return f"attribute {name}: drop"
    if isinstance(value, str) and value[:1] == "{":
        kind, changed = mutated_json(value.encode(), random)
        node.attrs[name] = changed.decode()
        return f"attribute {name}: {kind}"
    node.attrs[name] = (
        mutated_text(value, random).replace("\x00", "") if isinstance(value, str) else random.choice((1, "x", -1.5))
    )
    return f"attribute {name}: replace"


def _mutate_dataset(node: Any, random: Random) -> str:
    parent, name, value = node.parent, node.name.rpartition("/")[2], node[()]
    del parent[name]
    if random.random() < 0.15:
        return f"{node}: drop"
    if value.dtype.kind not in "fiu":
        parent[name] = value.ravel()[:0] if value.ndim else 0
        return f"{name}: replace"
    kind, changed = mutated_array(value, random)
    parent[name] = changed if changed.dtype.kind != "U" else changed.astype("S3")
    return f"{name}: {kind}"


def _mutate_safetensors(path: Path, random: Random) -> str:
    """Change the header, its length made right again, or an array."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header, tail = data[8 : 8 + size], data[8 + size :]
    if random.random() < 0.7:
        kind, header = mutated_json(json.dumps(json.loads(header)).encode(), random)
    else:
        kind, tail = "array bytes", mutated_bytes(tail, random)
    path.write_bytes(len(header).to_bytes(8, "little") + header + tail)
    return kind
