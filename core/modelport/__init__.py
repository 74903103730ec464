"""modelport: convert machine-learning models between frameworks through ONNX, and prove every conversion.

Every public name is loaded on first use, so that ``import modelport`` costs nothing; not even the standard library's modules
are imported before.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from modelport.pipeline import Conversion, convert
    from modelport.proof.verification import verify
    from modelport.signature import Signature, TensorSpec
    from modelport.spec import Detection, Framework, Option, Options, hookimpl
    from modelport.version import __version__ as __version__
    from modelport.workbench.planning import plan


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
    "plan": "workbench.planning",
    "__version__": "version",
    "verify": "proof.verification",
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
    from importlib import import_module

    if name == "errors":
        return import_module("modelport.errors")
    if name in _HOMES:
        return getattr(import_module(f"modelport.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'modelport' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
