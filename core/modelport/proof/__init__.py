"""What a proof runs on, how it compares, and what decides where a difference is in doubt."""
