"""How far apart two right answers may be: the one home of the proof's defaults."""

from __future__ import annotations

from dataclasses import dataclass

RTOL, ATOL = 1e-3, 1e-5
"""The tolerance that the field's tutorials use with `assert_allclose`."""

DOUBLE_RTOL, DOUBLE_ATOL = 1e-7, 1e-9
"""For float64 outputs of models whose floating-point inputs are all float64."""

SECONDS = 30.0
"""The budget for cases beyond a proof's minimum."""

SPREAD = 1e-2
"""At the default rtol, the share of an output's spread over the cases that a difference may take (`compare.Allowance`)."""

_EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}
_NARROW = ("float16", "bfloat16")


def epsilon(dtype: str) -> float:
    """Return the machine epsilon of a floating-point dtype; that of float32 for any other."""
    return _EPSILON.get(dtype, _EPSILON["float32"])


@dataclass(frozen=True)
class Tolerance:
    """How far floating-point outputs may be apart: ``|candidate - reference| <= atol + rtol * |reference|``.

    Attributes:
        double: (rtol, atol) of float64 outputs where they have their own.
    """

    rtol: float = RTOL
    atol: float = ATOL
    double: tuple[float, float] | None = None

    def of(self, dtype: str) -> tuple[float, float]:
        """Return (rtol, atol) for a dtype: float16 and bfloat16 add their machine epsilon to both."""
        if dtype == "float64" and self.double:
            return self.double
        if dtype not in _NARROW:
            return self.rtol, self.atol
        return self.rtol + epsilon(dtype), self.atol + epsilon(dtype)

    @property
    def wider(self) -> bool:
        """Whether the user admits more than the default, as for quantised results."""
        return self.rtol > RTOL or self.atol > ATOL

    def of_spread(self, dtype: str) -> tuple[float, float]:
        """Return the share of an output's spread that a difference may take, and the difference that may always remain.

        The share grows with an rtol above the default; an atol above it is the user's word for what does not matter.
        """
        rtol, atol = self.of(dtype)
        return SPREAD * max(rtol / RTOL, 1.0), atol if self.atol > ATOL or dtype in _NARROW else 0.0


def tolerance_for(rtol: float | None, atol: float | None, dtypes: tuple[str, ...]) -> Tolerance:
    """Return the tolerance for a model: the user's, else the default for the dtypes of its inputs.

    Args:
        rtol, atol: what the user asked for; None for the default.
        dtypes: of the model's inputs. Where all of its floating-point inputs are float64, so is its precision.
    """
    floats = {dtype for dtype in dtypes if "float" in dtype}
    double = (DOUBLE_RTOL, DOUBLE_ATOL) if floats == {"float64"} and rtol is None and atol is None else None
    return Tolerance(RTOL if rtol is None else rtol, ATOL if atol is None else atol, double)
