"""modelport: convert machine-learning models between frameworks through ONNX, and prove every conversion.

Every public name is loaded on first use, so that ``import modelport`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelport.pipeline import Conversion, convert
    from modelport.planning import plan
    from modelport.signature import Signature, TensorSpec
    from modelport.spec import Detection, Framework, Option, Options, hookimpl
    from modelport.verification import verify

__version__ = "0.1.0"

_HOMES = {
    "Conversion": "pipeline",
    "Detection": "spec",
    "Framework": "spec",
    "Option": "spec",
    "Options": "spec",
    "Signature": "signature",
    "TensorSpec": "signature",
    "convert": "pipeline",
    "hookimpl": "spec",
    "plan": "planning",
    "verify": "verification",
}

__all__ = [
    "Conversion",
    "Detection",
    "Framework",
    "Option",
    "Options",
    "Signature",
    "TensorSpec",
    "convert",
    "errors",
    "hookimpl",
    "plan",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name == "errors":
        return importlib.import_module("modelport.errors")
    if name in _HOMES:
        return getattr(importlib.import_module(f"modelport.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'modelport' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
