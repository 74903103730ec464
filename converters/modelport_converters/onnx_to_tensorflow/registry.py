"""TensorFlow's registry of operators, and the traits that an operator may have; the modules of `ops` register theirs here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from modelport_converters.onnx_graph.registry import Function, Registry, Traits, Unsupported

__all__ = ["LayoutRule", "TensorFlowTraits", "Unsupported", "elementwise", "op", "operators", "refuse"]


class LayoutRule(Enum):
    """How an operator takes a value that is held channels-last; `layout.py` applies the rules."""

    CHANNELS_FIRST = "wants every input in ONNX's order"
    SPATIAL = "wants its first input channels-last and yields channels-last"
    ELEMENTWISE = "works in whichever order its operands have"
    AXIS = "works in either order once its attribute axis is renumbered"
    QUANTIZED = "as AXIS, except where each block of a dimension has its own scale"
    REDUCE = "works in either order once its axes are renumbered, if those left over keep their order or all are kept"
    PAD = "as Pad: its axes and pads are renumbered"
    SLICE = "as Slice: its axes are renumbered"
    SHAPE = "as Shape: the sizes are read in ONNX's order"
    TRANSPOSE = "as Transpose: the permutation is composed with that of the layout"


@dataclass(frozen=True)
class TensorFlowTraits(Traits):
    """The traits of TensorFlow's operators.

    Attributes:
        layout: how the operator takes channels-last values.
        lazy: parameters that arrive as the weights that they are held in, to be rearranged by `weights.arrange`.
    """

    layout: LayoutRule = LayoutRule.CHANNELS_FIRST
    lazy: tuple[str, ...] = ()

    def check(self, parameters: tuple[str, ...]) -> None:
        """Check that the layout is a rule and that lazy names are parameters."""
        if not isinstance(self.layout, LayoutRule):
            raise ValueError(f"layout={self.layout!r} is no LayoutRule")
        if unknown := set(self.lazy) - set(parameters):
            raise ValueError(f"lazy names {', '.join(sorted(unknown))}, which is no parameter")


operators = Registry("TensorFlow", TensorFlowTraits)
op, refuse = operators.op, operators.refuse


def elementwise(table: Mapping[str, Function], *, domain: str = "") -> None:
    """Register elementwise operators without attributes by name, each a function of any number of operands."""
    operators.variadic(table, domain=domain, layout=LayoutRule.ELEMENTWISE)
