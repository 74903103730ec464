"""The check of a TorchScript archive: sources that call pure operators, and pickles of tensors and plain objects.

Loading it runs the `__setstate__` of its classes, and using it runs their other methods. Everything is therefore read first.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from typing import TYPE_CHECKING, Any

from modelport_plugins.pytorch.safety import script_source
from modelport_plugins.pytorch.safety.archive import Archive, unsafe
from modelport_plugins.pytorch.safety.pure_operators import OBJECTS

if TYPE_CHECKING:
    from pathlib import Path

    from modelport.errors import UnsafeSource

_GLOBALS = re.compile(
    r"__torch__\.(?!torch\.classes\.)[\w.]+|torch\.\w+Storage|torch\.jit\._pickle\.\w+|torch\.device|collections\.OrderedDict"
    r"|torch\._utils\._rebuild_(?:tensor|tensor_v2|qtensor|sparse_tensor|meta_tensor_no_storage|parameter)"
    r"|torch\._tensor\._rebuild_from_type_v2|torch\.(?:per_(?:tensor|channel)_affine|per_channel_affine_float_qparams)"
)
"""What the pickles of an archive may name. The objects of its own classes are made by its own sources."""

_WITH_TENSORS = ("data.pkl", "constants.pkl")

_ITEM_BYTES = {
    f"{kind}Storage": size
    for size, kinds in {
        1: "Untyped Bool Byte Char QInt8 QUInt8",
        2: "Half BFloat16 Short",
        4: "Float Int QInt32",
        8: "Double Long ComplexFloat",
        16: "ComplexDouble",
    }.items()
    for kind in kinds.split()
}
_REMEDY = "export the model again as .pt2 (torch.export.save), which holds no code of its own"


def check(source: Path) -> None:
    """Raise UnsafeSource when loading or running a TorchScript archive would do more than compute.

    Raises:
        RuntimeError, LookupError, ValueError, pickle.UnpicklingError: when the archive is damaged.
        TooLarge: when its contents are beyond the memory limit.
    """
    archive = Archive(source)
    if "model.json" in archive.names:
        raise _unsafe(
            source, "it was written by a version of PyTorch before 1.4, whose archives cannot be checked", "model.json"
        )
    for name in archive.ending(".py"):
        try:
            script_source.check(archive.read(name).decode("ascii", "strict"))
        except script_source.Danger as danger:
            line = f", line {danger.line}" if danger.line else ""
            raise _unsafe(source, danger.reason, f"{name}{line}") from danger
        except UnicodeDecodeError as error:
            raise _unsafe(source, "its code is not as TorchScript writes it", name) from error
    for name in archive.ending("pkl"):
        data = archive.read(name)
        for named in _globals(data):
            if not _GLOBALS.fullmatch(named) and not OBJECTS.fullmatch(named):
                raise _unsafe(source, f"it unpickles {named}", name)
        if name in _WITH_TENSORS:
            _check_storages(archive, name.removesuffix(".pkl"), data)


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


class _Inert:
    """Stands for every class and function of a pickle; takes whatever is done to it, and does nothing."""

    def __init__(self, *_: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass

    def append(self, value: object) -> None:
        """Take an element."""

    extend = append


class _Storages(pickle.Unpickler):
    """Lists the storages that a pickle names: their types, records and numbers of elements."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.found: list[tuple[str, str, int]] = []

    def find_class(self, module: str, name: str) -> Any:
        return type(name, (_Inert,), {})

    def persistent_load(self, pid: Any) -> _Inert:
        _, kind, key, _, elements = pid
        self.found.append((kind.__name__, str(key), int(elements)))
        return _Inert()


def _check_storages(archive: Archive, folder: str, data: bytes) -> None:
    """Compare the storages of a pickle with their records, which PyTorch reads as far as the pickle says; raises ValueError."""
    reader = _Storages(data)
    reader.load()
    for kind, key, elements in reader.found:
        if not 0 <= elements * _ITEM_BYTES[kind] <= archive.sizes[f"{folder}/{key}"]:
            raise ValueError(f"the record {folder}/{key} is shorter than its {elements} elements")


def _unsafe(source: Path, reason: str, where: str) -> UnsafeSource:
    return unsafe(source, f"this TorchScript program may do more than compute: {reason}", where=where, remedy=_REMEDY)
