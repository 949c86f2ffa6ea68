"""The guided walk of the demo."""
