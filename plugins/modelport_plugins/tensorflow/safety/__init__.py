"""What SavedModels and frozen graphs may hold: operators, files and sizes are checked before anything is loaded."""
