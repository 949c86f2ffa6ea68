"""Tests of the labs: their runs, their tasks, the command."""
