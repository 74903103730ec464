"""The estimator that docs/writing_a_plugin.md contributes, run from the page itself."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_diabetes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import modelport
from modelport.errors import CannotConvert

PAGE = Path(__file__).parents[3] / "docs" / "writing_a_plugin.md"


@pytest.fixture(scope="module")
def module() -> dict[str, Any]:
    """What the page's estimators.py defines, its formulas registered."""
    (source,) = re.findall(r"```python\n(# estimators\.py\n.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "estimators"}
    exec(source, names)
    names["register"]()
    return names


def fitted(module: dict[str, Any], **settings: Any) -> Any:
    features, target = load_diabetes(return_X_y=True)
    return make_pipeline(StandardScaler(), module["RadialRegressor"](**settings)).fit(features[:40], target[:40])


def test_the_page_s_estimator_is_proven_inside_a_pipeline(module):
    conversion = modelport.convert(fitted(module), to="onnx", inputs=["X:float64[N,10]"])
    assert conversion.report.verdict == "proven"


def test_what_the_page_s_formula_refuses_is_named_with_its_place_and_remedy(module):
    with pytest.raises(CannotConvert) as caught:
        modelport.convert(fitted(module, kernel="cosine"), to="onnx")
    assert "kernel='cosine' has no formula" in str(caught.value)
    assert caught.value.where == "radialregressor"
    assert caught.value.remedy == "choose kernel='gaussian'"


def test_the_lightgbm_example_imports_what_is_declared_public_alone():
    found = []
    for path in (PAGE.parents[1] / "examples" / "modelport-lightgbm" / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("modelport_converters"):
                found += [(node.module, alias.name) for alias in node.names]
    public = {module: importlib.import_module(module).__all__ for module, _ in found}
    assert found
    assert all(name in public[module] for module, name in found)
