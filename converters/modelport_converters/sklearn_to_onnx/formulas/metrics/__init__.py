"""Pairwise distances and kernels between rows and the fitted rows, as in sklearn.metrics.pairwise."""
