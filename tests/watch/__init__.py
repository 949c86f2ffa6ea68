"""Tests of the page: in a real browser, on runs of the simulator."""
