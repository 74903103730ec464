"""Graph translation: knows no files, no hooks and no command line."""
