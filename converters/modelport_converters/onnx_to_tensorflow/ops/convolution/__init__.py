"""Convolutions, and the sliding windows that they share with pooling."""
