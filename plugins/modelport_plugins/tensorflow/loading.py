"""Loading SavedModel folders and frozen graphs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from modelport.errors import InvalidOption, ModelportError, SourceUnreadable
from modelport_converters.tensorflow_to_onnx.quiet_import import import_tensorflow, stderr_held_back
from modelport_plugins.tensorflow import frozen_graph
from modelport_plugins.tensorflow.file_formats import SAVED_MODEL_FILES, is_checkpoint
from modelport_plugins.tensorflow.frozen_graph import unknown_operator
from modelport_plugins.tensorflow.functions import candidates, function_named
from modelport_plugins.tensorflow.safety import folder, operators
from modelport_plugins.tensorflow.safety.sizes import require_shapes, traced_graphs

if TYPE_CHECKING:
    from pathlib import Path

    from modelport.spec import Options


def load(source: Path, options: Options) -> Any:
    """Load a SavedModel or a frozen graph; raises SourceUnreadable for a checkpoint, and as the two loaders do."""
    if source.name in SAVED_MODEL_FILES and source.is_file():
        source = source.parent
    if source.is_dir() and any((source / name).is_file() for name in SAVED_MODEL_FILES):
        return _saved_model(source, options)
    if is_checkpoint(source):
        raise SourceUnreadable(
            "this is a checkpoint: it holds weights, and not what is computed with them",
            where=str(source),
            remedy="build the model in Python, load the checkpoint into it, and convert it or save it as a SavedModel",
        )
    if source.is_dir():
        raise SourceUnreadable(
            "not a SavedModel folder", where=str(source), remedy="pass the folder with saved_model.pb"
        )
    return frozen_graph.read(source, options)


def _saved_model(source: Path, options: Options) -> Any:
    tags = [tag.strip() for tag in options["tags"].split(",")] if options["tags"] else None
    tf = import_tensorflow()
    folder.check_complete(source)
    try:
        if not options.trust:
            operators.check_saved_model(folder.parse_checked(source), str(source))
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
    function = function_named(functions, options["signature"], str(source))
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
