"""The simulator: production engines on a simulated clock, network and disk, from a seed."""
