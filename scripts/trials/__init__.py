"""Long trials, which the scripts beside this folder run; the wheel doesn't contain them."""
