"""The demo of five nodes at one prompt."""
