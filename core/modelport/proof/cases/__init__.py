"""The inputs that a proof runs on: generated from the signature and the graph, or made of the user's samples."""
