"""Formulas of sklearn.neighbors, and the search for nearest neighbors that other formulas use too."""
