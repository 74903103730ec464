"""What TensorFlow stores on disk: SavedModel folders, frozen graphs, and checkpoints, which are no models."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from modelport.errors import InvalidOption, ModelportError, SourceUnreadable, UnsupportedOps
from modelport.spec import Detection

if TYPE_CHECKING:
    from pathlib import Path

    from modelport.spec import Options

_SAVED_MODELS = ("saved_model.pb", "saved_model.pbtxt")
_TEXT_GRAPH = re.compile(rb"\s*(#[^\n]*\s*)*(node|versions|library)\s*[{:]")
_CHECKPOINT = re.compile(r"\.(index|meta|data-\d+-of-\d+)$")


def detect(source: Path) -> Detection | None:
    """Claim a path by what it holds."""
    if source.is_dir():
        for name in _SAVED_MODELS:
            if (source / name).is_file():
                return Detection(1.0, f"the folder holds {name}")
        if _checkpoint_in(source):
            return Detection(0.3, "the folder holds a TensorFlow checkpoint")
        return None
    if source.name in _SAVED_MODELS:
        return Detection(1.0, f"{source.name} is part of a SavedModel")
    if _CHECKPOINT.search(source.name):
        return Detection(0.3, "named like a TensorFlow checkpoint")
    if source.suffix in (".pb", ".pbtxt") and source.is_file():
        with source.open("rb") as file:
            evidence = _graph_evidence(file.read(256))
        return Detection(0.9, evidence) if evidence else None
    return None


def _graph_evidence(head: bytes) -> str | None:
    """Say why the first bytes are those of a GraphDef, if they are.

    In binary it is a row of fields 1, nodes, each of which begins with field 1, its name. An ONNX model begins with a number.
    """
    if _TEXT_GRAPH.match(head):
        return "begins like a GraphDef in text form"
    if head[:1] != b"\x0a":
        return None
    at = 1
    while at < len(head) and head[at] & 0x80:
        at += 1
    return "begins with the nodes of a GraphDef" if head[at + 1 : at + 2] == b"\x0a" else None


def _checkpoint_in(folder: Path) -> bool:
    return (folder / "checkpoint").is_file() or any(folder.glob("*.index"))


def load(source: Path, options: Options) -> Any:
    """Load what `detect` claims."""
    if source.name in _SAVED_MODELS and source.is_file():
        source = source.parent
    if source.is_dir() and any((source / name).is_file() for name in _SAVED_MODELS):
        return _saved_model(source, options)
    if (source.is_dir() and _checkpoint_in(source)) or _CHECKPOINT.search(source.name):
        raise SourceUnreadable(
            "this is a checkpoint: it holds weights, and not what is computed with them",
            where=str(source),
            remedy="build the model in Python, load the checkpoint into it, and convert it or save it as a SavedModel",
        )
    if source.is_dir():
        raise SourceUnreadable(
            "not a SavedModel folder", where=str(source), remedy="pass the folder with saved_model.pb"
        )
    from modelport_plugins.tensorflow.frozen_graph import read

    return read(source, options)


def _saved_model(source: Path, options: Options) -> Any:
    from modelport_converters.tensorflow_to_onnx.quiet_import import import_tensorflow, stderr_held_back
    from modelport_plugins.tensorflow.functions import candidates, named
    from modelport_plugins.tensorflow.safety import folder, operators
    from modelport_plugins.tensorflow.safety.sizes import require_shapes, traced_graphs

    tags = [tag.strip() for tag in options["tags"].split(",")] if options["tags"] else None
    tf = import_tensorflow()
    folder.check_whole(source)
    try:
        if not options.trust:
            operators.check_saved_model(folder.checked(source), str(source))
        with stderr_held_back(repeat=False):  # native code repeats what the error says
            model = tf.saved_model.load(str(source), tags=tags)
    except ModelportError:
        raise
    except Exception as error:
        raise _not_loadable(error, source) from error
    functions = candidates(model)
    if not functions:
        raise SourceUnreadable(
            "the SavedModel has no signatures",
            where=str(source),
            remedy="save it with tf.saved_model.save(model, path, signatures=...), or pass its function in Python",
        )
    if not getattr(model, "signatures", None):
        options.note("the SavedModel has no signatures: one of its functions is converted")
    function = named(functions, options["signature"], str(source))
    for graph in traced_graphs(function):
        require_shapes(graph, str(source))
    return model


def _not_loadable(error: Exception, source: Path) -> Exception:
    text = str(error)
    if "not registered" in text:
        return unknown_operator(error, source)
    sets = re.search(r"tag sets:? (\[\[.*?\]\])|available tags.*?(\[\[?.*\]?\])", text, re.DOTALL)
    if "tags" in text and sets:
        return InvalidOption(
            "the SavedModel holds other graphs than the one asked for, or several of them",
            where=str(source),
            remedy=f"pass -O tags=A,B with one of the tag sets {sets.group(1) or sets.group(2)}",
        )
    return SourceUnreadable(
        f"TensorFlow cannot load the SavedModel: {text.splitlines()[0] if text else type(error).__name__}",
        where=str(source),
        remedy="check that the folder is complete (saved_model.pb and variables/) and save it again if it is not",
    )


def unknown_operator(error: Exception, source: Path) -> UnsupportedOps:
    """Return the refusal of a graph with an operator that this TensorFlow does not know."""
    # Op type not registered 'X' in binary running on ...
    operator = str(error).partition("not registered")[2].split("'")[1:2]
    return UnsupportedOps(
        [f"{' '.join(operator) or 'an operator'}: this TensorFlow does not know it"],
        where=str(source),
        remedy="load its library first (tf.load_op_library) and pass the loaded model to modelport.convert",
    )
