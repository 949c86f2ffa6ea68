"""Measure everything in docs/performance.md, and write its tables and plots.

`python3 scripts/performance.py --write` takes a quarter of an hour, and needs a machine that has
nothing else to do. Without `--write` the script only measures, and prints the tables.
"""

from _bootstrap import enter

if __name__ == "__main__":
    enter("dev")
    from trials.performance import main

    from benmo.program import run

    run(main)
