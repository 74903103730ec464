"""The user's own data: sample files, images, and the preprocessing that a model names."""
