"""What a TorchScript archive may hold: sources that call pure operators, and pickles of tensors and of their objects.

Loading it runs the `__setstate__` of its classes, and using it runs their other methods. Everything is therefore read first.
"""

from __future__ import annotations

import pickletools
import re
from typing import TYPE_CHECKING

from modelport_plugins.pytorch import script_source
from modelport_plugins.pytorch.archive import Archive, unsafe
from modelport_plugins.pytorch.pure_operators import OBJECTS

if TYPE_CHECKING:
    from pathlib import Path

    from modelport.errors import UnsafeSource

_GLOBALS = re.compile(
    r"__torch__\.(?!torch\.classes\.)[\w.]+|torch\.\w+Storage|torch\.jit\._pickle\.\w+|torch\.device|collections\.OrderedDict"
    r"|torch\._utils\._rebuild_(?:tensor|tensor_v2|qtensor|sparse_tensor|meta_tensor_no_storage|parameter)"
    r"|torch\._tensor\._rebuild_from_type_v2|torch\.(?:per_(?:tensor|channel)_affine|per_channel_affine_float_qparams)"
)
"""What the pickles of an archive may name. The objects of its own classes are made by its own sources."""

_REMEDY = "export the model again as .pt2 (torch.export.save), which holds no code of its own"


def check(source: Path) -> None:
    """Raise UnsafeSource when loading or running a TorchScript archive would do more than compute.

    Raises:
        RuntimeError, ValueError: when the archive is damaged.
        TooLarge: when its contents are beyond the memory limit.
    """
    archive = Archive(source)
    for name in archive.ending(".py"):
        try:
            script_source.check(archive.read(name).decode("ascii", "strict"))
        except script_source.Danger as danger:
            line = f", line {danger.line}" if danger.line else ""
            raise _unsafe(source, danger.reason, f"{name}{line}") from danger
        except UnicodeDecodeError as error:
            raise _unsafe(source, "its code is not as TorchScript writes it", name) from error
    for name in (name for name in archive.names if name.endswith(("pkl", ".debug_pkl"))):
        for named in _globals(archive.read(name)):
            if not _GLOBALS.fullmatch(named) and not OBJECTS.fullmatch(named):
                raise _unsafe(source, f"it unpickles {named}", name)


def _globals(data: bytes) -> list[str]:
    """Return the classes and functions that a pickle names; raises ValueError for one that TorchScript does not write."""
    found = []
    for code, argument, position in pickletools.genops(data):
        if code.name == "GLOBAL":
            found.append(".".join(str(argument).split(" ")))
        elif code.name in ("STACK_GLOBAL", "INST", "OBJ", "EXT1", "EXT2", "EXT4"):
            found.append(f"by {code.name}")
        elif "PUT" in code.name and int(str(argument)) > (position or 0):
            raise ValueError(f"the pickle numbers an object {argument} at its byte {position}")  # memory for as many
    return found


def _unsafe(source: Path, reason: str, where: str) -> UnsafeSource:
    return unsafe(source, f"this TorchScript program may do more than compute: {reason}", where=where, remedy=_REMEDY)
