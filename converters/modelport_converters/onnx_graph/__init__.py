"""What every translator from ONNX shares: preparing a graph, the registry of operators, walking the graph, the ledger.

Nothing here knows a target framework.
"""
