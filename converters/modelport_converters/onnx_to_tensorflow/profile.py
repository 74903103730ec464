"""What a translation is for, where the better of two equal forms depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LITE: ContextVar[bool] = ContextVar("lite", default=False)


def is_lite() -> bool:
    """Tell whether the operators have to be such as TensorFlow Lite has builtin forms of."""
    return _LITE.get()


@contextmanager
def translating(*, lite: bool) -> Iterator[None]:
    """Say whether what is traced within is for TensorFlow Lite."""
    token = _LITE.set(lite)
    try:
        yield
    finally:
        _LITE.reset(token)
