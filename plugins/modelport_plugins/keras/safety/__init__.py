"""What Keras files may hold: code, links and sizes are found before the file is loaded."""
