"""Checks of archives and HDF5 files before they are read: links, external data, path traversal, decompression bombs."""

from __future__ import annotations

import io
import math
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NoReturn

from modelport.errors import SourceUnreadable, UnsafeSource
from modelport.safety import memory

if TYPE_CHECKING:
    from collections.abc import Iterator

_WEIGHTS = "model.weights.h5"
_EXPANSION, _FLOOR = 100, 2**28
"""A member that unpacks to more than so many times its size, beyond so many bytes, is made to: weights hardly compress."""


def check(source: Path) -> None:
    """Refuse a .keras archive, a folder or an HDF5 file that refers to other files or does not fit into memory.

    Raises:
        UnsafeSource: for links, external and virtual datasets, and names of other folders.
        SourceUnreadable: when it is damaged.
        TooLarge: for members and datasets beyond the memory limit.
    """
    if source.is_dir():
        _check_folder(source)
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            _check_archive(archive, source)
    else:
        _check_hdf5(source, source)


def _check_folder(source: Path) -> None:
    inside = source.resolve()
    for path in source.rglob("*"):
        if path.is_symlink() and not path.resolve().is_relative_to(inside):
            _refuse("a link that leads out of the folder", path)
    if (source / _WEIGHTS).is_file():
        _check_hdf5(source / _WEIGHTS, source / _WEIGHTS)


def _check_archive(archive: zipfile.ZipFile, source: Path) -> None:
    members = archive.infolist()
    if len({member.filename for member in members}) != len(members):
        _damaged("two members of the archive have the same name", source)
    for member in members:
        where, path = f"{source}: {member.filename!r}", PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            _refuse("a member with a name outside of the archive", where)
        if stat.S_ISLNK(member.external_attr >> 16):
            _refuse("a member that is a link", where)
        memory.require(member.file_size, "a member of the archive", where=where)
        if member.file_size > max(_FLOOR, _EXPANSION * member.compress_size):
            _refuse(
                f"a member of {memory.written(member.compress_size)} that unpacks to {memory.written(member.file_size)}",
                where,
            )
    if _WEIGHTS in archive.namelist():
        with archive.open(_WEIGHTS) as file:
            stored = archive.getinfo(_WEIGHTS).compress_type == zipfile.ZIP_STORED
            _check_hdf5(
                file if stored else io.BytesIO(file.read()), f"{source}: {_WEIGHTS}"
            )  # only stored ones are quick to seek in


def _check_hdf5(file: Any, where: object) -> None:
    """Refuse links and datasets of an HDF5 file that read other files, and datasets beyond the memory limit."""
    import h5py

    try:
        with h5py.File(file, "r") as content:
            for name, item in _items(content):
                if isinstance(item, h5py.ExternalLink):
                    _refuse(f"a link to another file ({item.filename!r})", f"{where}: {name}")
                if isinstance(item, h5py.Dataset):
                    _check_dataset(item, f"{where}: {name}")
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise SourceUnreadable(
            f"not a complete HDF5 file: {error}", where=str(where), remedy="it may be truncated: save or copy it again"
        ) from error


def _items(content: Any) -> Iterator[tuple[str, Any]]:
    """Yield the links and then the objects of a file; HDF5 visits each once, and follows no link out of it."""
    links: list[tuple[str, Any]] = []
    content.visititems_links(lambda name, link: links.append((name, link)))
    yield from links
    objects: list[tuple[str, Any]] = []
    content.visititems(lambda name, item: objects.append((name, item)))
    yield from objects


def _check_dataset(dataset: Any, where: str) -> None:
    if dataset.external:
        _refuse(f"numbers that lie in another file ({dataset.external[0][0]!r})", where)
    if dataset.is_virtual:
        _refuse("numbers that are put together from other files", where)
    memory.require(math.prod(dataset.shape or ()) * dataset.dtype.itemsize, "the dataset", where=where)


def _refuse(what: str, where: object) -> NoReturn:
    raise UnsafeSource(
        f"the file holds {what}",
        where=str(where),
        remedy="if you trust its origin, pass --trust; else have the model saved again with Keras, which writes no such thing",
    )


def _damaged(what: str, where: object) -> NoReturn:
    raise SourceUnreadable(what, where=str(where), remedy="save or copy it again")
