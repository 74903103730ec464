"""Benchmarks of models of any framework, over shapes, providers and variants, measured in interleaved rounds."""

from modelport.workbench.bench.measuring import bench
from modelport.workbench.bench.records import BenchReport

__all__ = ["BenchReport", "bench"]
