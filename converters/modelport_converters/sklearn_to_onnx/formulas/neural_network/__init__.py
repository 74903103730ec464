"""Formulas of sklearn.neural_network."""
