"""The scripts that make the environment, and the long trials in short."""
