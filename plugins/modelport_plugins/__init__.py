"""First-party plugins: one module or package for each framework, registered through entry points like a third party's."""
