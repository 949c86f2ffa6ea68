"""The library with which programs pay and read."""
