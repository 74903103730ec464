"""Framework plugins: one file for each framework, registered through entry points like any third-party plugin."""
