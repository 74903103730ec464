"""PyTorch's zip archives, read as PyTorch's own reader does, so that what is checked is what will be loaded.

Two readers of one zip file may see two contents (members of the same name, a second central directory). Whoever checks an
archive with another reader than the one that loads it has checked nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelport.errors import SourceUnreadable, UnsafeSource
from modelport.safety.memory import require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LARGEST_TEXT = 256 * 2**20
"""Bytes of a member that is parsed: sources, pickles and JSON. The largest models known to us stay below a tenth of it."""


class Archive:
    """The members of a zip file that PyTorch wrote, by their names within its folder, in small letters.

    PyTorch finds a member whatever the case of its letters: what is stored as ``model.PT`` is read as ``model.pt``.
    """

    def __init__(self, source: Path) -> None:
        """Open the archive and put the size of its contents to the memory limit.

        Raises:
            RuntimeError: when PyTorch cannot read it.
            ValueError: when two members have one name.
            TooLarge: when its contents are beyond the memory limit.
        """
        import torch

        self._reader = torch._C.PyTorchFileReader(str(source))
        self.source = source
        self.names: list[str] = [name.lower() for name in self._reader.get_all_records()]
        if len(set(self.names)) < len(self.names):
            raise ValueError("two of its members have one name")
        self.sizes = {name: int(self._reader.get_record_size(name)) for name in self.names}
        require(sum(self.sizes.values()), "the content of this archive", where=str(source))

    def read(self, name: str) -> bytes:
        """Return a member that is to be parsed, inflated; raises SourceUnreadable for one that is too long for it."""
        if self.sizes[name] > _LARGEST_TEXT:
            raise SourceUnreadable(
                f"the member {name} is too long to be checked", where=str(self.source), remedy="save the model again"
            )
        data: bytes = self._reader.get_record(name)
        return data

    def ending(self, suffix: str) -> Iterator[str]:
        """Iterate over the names that end so."""
        return (name for name in self.names if name.endswith(suffix))


def unsafe(source: Path, reason: str, *, where: str = "", remedy: str) -> UnsafeSource:
    """Return the error for a file that would run code: why, and where in it."""
    return UnsafeSource(
        reason,
        where=f"{source}: {where}" if where else str(source),
        remedy=f"{remedy}; or pass --trust if you trust whoever wrote the file",
    )
