"""A registry of its own for every kind of fault, with the fake framework in it."""

from __future__ import annotations

from collections.abc import Iterator

import planted
import pytest

from modelport import plugins


@pytest.fixture(autouse=True, scope="class")
def fake() -> Iterator[None]:
    """Register the fake framework, and drop the registry afterwards."""
    plugins.registry.cache_clear()
    planted.register_fake()
    yield
    plugins.registry.cache_clear()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep each kind in one process, where its exports are made once."""
    for item in items:
        if (kind := getattr(item, "cls", None)) is not None and hasattr(kind, "faults"):
            item.add_marker(pytest.mark.xdist_group(kind.__name__))
