"""Gathering, scattering, sorting, selecting."""
