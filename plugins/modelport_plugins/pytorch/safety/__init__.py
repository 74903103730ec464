"""What PyTorch files may hold: everything that would run code is found before the file is loaded."""
