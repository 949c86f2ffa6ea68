"""Requests and answers between a node and the programs that command it."""
