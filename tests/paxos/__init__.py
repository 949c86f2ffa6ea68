"""The roles of the protocol, one at a time and together in a replica."""
