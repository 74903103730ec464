"""Shared by every translator from ONNX: graph preparation, the operator registry, the graph walk, plans and coverage.

Nothing here knows a target framework.
"""
