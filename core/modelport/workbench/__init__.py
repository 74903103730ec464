"""What a proven model is for: optimize, quantize, benchmark, compare, run and look at it."""
