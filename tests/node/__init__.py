"""The parts of a running node, in the tests' own process."""
