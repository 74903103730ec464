"""Formulas of sklearn.ensemble and sklearn.tree."""
