"""The defects of the old program, each held by a test: README.md lists them."""
