"""Formulas of sklearn.feature_extraction: texts, images and dictionaries."""
