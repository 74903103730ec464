"""Every estimator and every option variant that the sweep proves, and those that are not converted."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

from sklearn_case import Case, defaults

_FAMILIES = (
    "sklearn_decomposition",
    "sklearn_kernels",
    "sklearn_linear",
    "sklearn_meta",
    "sklearn_preprocessing",
    "sklearn_tables",
    "sklearn_trees",
)

EXCEPTIONS: dict[str, str] = tomllib.loads(Path(__file__).with_name("sklearn_exceptions.toml").read_text())
"""By class: why it is not converted."""

SPECIAL: dict[str, Case] = {}
"""Estimators that the common data do not suit, or whose default does not answer for new rows."""

VARIANTS: list[Case] = []
for _name in _FAMILIES:
    _module = importlib.import_module(_name)
    VARIANTS += _module.VARIANTS
    SPECIAL |= getattr(_module, "SPECIAL", {})

_STOOD_FOR = (
    "CountVectorizer",
    "DictVectorizer",
    "FrozenEstimator",
    "LabelBinarizer",
    "LabelEncoder",
    "PatchExtractor",
    "TfidfVectorizer",
)
"""Estimators of texts, labels, images and others: their first variant is fitted on what they take."""

SPECIAL |= {name: next(case for case in VARIANTS if case.name.startswith(f"{name}[")) for name in _STOOD_FOR}

DEFAULTS: dict[str, Case] = {**{case.name: case for case in defaults()}, **SPECIAL}
