"""The version of modelport, which the package's metadata is built from."""

__version__ = "0.1.0"
