"""Frames, messages and ports: whatever a peer sends, a node decodes or refuses it."""
