"""Opening a model of any framework: from a path, from memory, or built by a factory."""
