"""Optionals."""
