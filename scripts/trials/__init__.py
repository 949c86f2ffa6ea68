"""Long trials, run by the scripts beside this folder; they are no part of the wheel."""
