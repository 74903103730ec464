"""The memory limit: sizes that are known before anything runs are put to it before they are allocated.

Three quarters of the machine's memory by default, ``--memory 8GB`` or ``memory=`` otherwise. The limit in effect is a context
variable, so that plugins and stages ask for it without passing it on, and conversions in several threads keep their own.
It bounds what a file may ask for; it does not watch what a framework allocates while a model runs.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from pathlib import Path, PurePosixPath

from modelport.errors import BadInput, TooLarge

__all__ = ["limit", "limited", "parse", "require", "written"]

_SHARE = 0.75
_UNKNOWN_MACHINE = 16 * 2**30
"""What a machine is taken to have whose system does not say it (Windows has no sysconf)."""

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")
_SIZE = re.compile(
    r"(?P<number>\d{1,18}(?:\.\d{1,9})?)\s*(?P<prefix>[kmgtpe]?)(?P<binary>i?)b?(?:ytes)?", re.IGNORECASE
)
_CGROUPS = Path("/sys/fs/cgroup")

_limit: ContextVar[int | None] = ContextVar("modelport_memory_limit", default=None)


def limit() -> int:
    """Return the limit in effect, in bytes."""
    return _limit.get() or int(_SHARE * machine_bytes())


@contextlib.contextmanager
def limited(size: int | str | None) -> Iterator[None]:
    """Hold the limit at a size while the block runs.

    Args:
        size: in bytes, or as text such as "8GB"; None keeps the limit that is in effect.

    Raises:
        BadInput: for text that is no size, and for sizes that are not positive.
    """
    chosen = parse(size) if isinstance(size, str) else size
    if chosen is not None and chosen <= 0:
        raise BadInput(f"a memory limit of {chosen} bytes admits nothing", remedy="give a size such as 8GB")
    token = _limit.set(_limit.get() if chosen is None else chosen)
    try:
        yield
    finally:
        _limit.reset(token)


def require(count: int, what: str, *, where: str | None = None) -> None:
    """Refuse what does not fit, before it is allocated.

    Args:
        count: bytes.
        what: the subject of the error's sentence: the tensor, with its node.
        where: the file, and the node in it.

    Raises:
        TooLarge: when `count` is beyond the limit.
    """
    allowed = limit()
    if count > allowed:
        raise TooLarge(
            f"{what} takes {written(count)}, more than the memory limit of {written(allowed)}",
            where=where,
            remedy="if that size is meant, and the machine has the memory, allow it with --memory SIZE (memory= in Python)",
        )


def parse(text: str) -> int:
    """Read a size such as "8GB" (10**9 each), "512MiB" (2**20 each) or "1000000" in bytes; raises BadInput."""
    match = _SIZE.fullmatch(text.strip())
    if not match or (match["binary"] and not match["prefix"]):
        raise BadInput(f"cannot read the size {text!r}", where="--memory", remedy="write it like 8GB, 512MB or 16GiB")
    power = "kmgtpe".find(match["prefix"].lower()) + 1 if match["prefix"] else 0
    return int(float(match["number"]) * (1024 if match["binary"] else 1000) ** power)


def written(count: int) -> str:
    """Write a number of bytes for people."""
    power = min((len(str(count)) - 1) // 3, len(_UNITS) - 1)
    return f"{count / 1000**power:.1f} {_UNITS[power]}" if power else f"{count} bytes"


@cache
def machine_bytes() -> int:
    """Return the memory that this process may have: the machine's, or less where a container or ulimit says so."""
    return min(_physical(), *_cgroup_limits(), *_address_space())


def has_room_for(file: Path) -> bool:
    """Whether there is memory for a file and what becomes of it: without, protobuf calls a file corrupt."""
    try:
        bytearray(2 * file.stat().st_size)
    except MemoryError:
        return False
    except OSError:  # there is none
        return True
    return True


def _physical() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN_MACHINE


def _cgroup_limits(own: Path = Path("/proc/self/cgroup"), root: Path = _CGROUPS) -> list[int]:
    """Return the limits of this process's control groups and of all that hold them, versions 1 and 2."""
    found = []
    for line in _read(own).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        base, file = (root / "memory", "memory.limit_in_bytes") if controllers else (root, "memory.max")
        inner = PurePosixPath(path.lstrip("/"))
        texts = [_read(base / group / file).strip() for group in (inner, *inner.parents)]
        found += [int(text) for text in texts if text.isdigit()]
    return found


def _address_space() -> list[int]:
    try:
        import resource
    except ImportError:  # Windows
        return []
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return [] if soft == resource.RLIM_INFINITY else [soft]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
