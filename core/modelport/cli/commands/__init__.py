"""The commands, a module each: click options, a call of the library, and what is printed of its result."""
