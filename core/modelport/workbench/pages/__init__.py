"""What the page of each record says, one module for each."""
