"""Long trials on real processes: what `scripts/torture.py` and `scripts/long_chain.py` run."""
