"""A registry of its own for every test, with two fake frameworks in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
from fakes import Convert, FakeFramework, Net

import modelport
from modelport import plugins
from modelport.pipeline import Conversion


@pytest.fixture(autouse=True)
def registry() -> Iterator[plugins.Registry]:
    """Every test has the installed plugins, and the registry that it changes is dropped afterwards."""
    plugins.registry.cache_clear()
    yield plugins.registry()
    plugins.registry.cache_clear()


@pytest.fixture
def fake(registry: plugins.Registry) -> FakeFramework:
    """A framework that converts in both directions."""
    framework = FakeFramework()
    registry.register("fake", framework)
    return framework


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where results go: a path in an otherwise empty folder."""
    folder = tmp_path / "delivered"
    folder.mkdir()
    return folder / "model.onnx"


@pytest.fixture
def convert(fake: FakeFramework, target: Path) -> Convert:
    """Convert a graph, its reference being the same graph unless another is given."""

    def run(model: Net | onnx.ModelProto, **options: Any) -> Conversion:
        source = model if isinstance(model, Net) else Net(model)
        return modelport.convert(source, **{"output": target, "from_": "fake", **options})

    return run
