"""quantize(): a smaller, faster model whose loss is measured and held within a budget."""

from __future__ import annotations

from modelport.workbench.quantize.command import MODES, Quantization, quantize
from modelport.workbench.quantize.records import Budget, OutputError, QuantizeReport, Sensitivity, Speed

__all__ = ["MODES", "Budget", "OutputError", "Quantization", "QuantizeReport", "Sensitivity", "Speed", "quantize"]
