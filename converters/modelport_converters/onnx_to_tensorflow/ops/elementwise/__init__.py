"""Elementwise operators: arithmetic, comparison, logic and casts."""
