"""The programs of an operator."""
