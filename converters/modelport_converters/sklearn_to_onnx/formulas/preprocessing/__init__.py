"""Formulas of sklearn.preprocessing."""
