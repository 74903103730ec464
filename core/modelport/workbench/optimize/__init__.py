"""optimize(): the same model with fewer nodes, checked, proven and timed against its source."""

from __future__ import annotations

from modelport.optimization.levels import LEVELS, apply, count, operators, optimized
from modelport.workbench.optimize.command import optimize
from modelport.workbench.optimize.records import Graph, OptimizeReport, Speed

__all__ = ["LEVELS", "Graph", "OptimizeReport", "Speed", "apply", "count", "operators", "optimize", "optimized"]
