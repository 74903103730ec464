"""Operators on images and regions."""
