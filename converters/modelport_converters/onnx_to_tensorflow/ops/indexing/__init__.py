"""Indexing: gathering, scattering, slicing, sorting and selecting."""
