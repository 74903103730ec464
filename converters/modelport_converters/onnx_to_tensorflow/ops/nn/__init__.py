"""Neural-network primitives: activations, matrix products and losses."""
