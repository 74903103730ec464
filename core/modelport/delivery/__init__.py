"""Where a result goes: the target that may be replaced, and the workspace that it is delivered from."""
