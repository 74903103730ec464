"""Formulas of sklearn.impute."""
