"""The target profile: whether operators are traced for TensorFlow or for TensorFlow Lite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LITE: ContextVar[bool] = ContextVar("lite", default=False)


def is_lite() -> bool:
    """Tell whether the target is TensorFlow Lite, which has builtin kernels for fewer operations."""
    return _LITE.get()


@contextmanager
def translating(*, lite: bool) -> Iterator[None]:
    """Set the target profile for what is traced within the block."""
    token = _LITE.set(lite)
    try:
        yield
    finally:
        _LITE.reset(token)
