"""The prompt and what it shows."""
