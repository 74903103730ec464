"""Casts between element types."""
