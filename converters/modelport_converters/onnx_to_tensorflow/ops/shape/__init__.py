"""Shapes of tensors: reading and changing them, padding, rearranging, and tensors made from a shape."""
