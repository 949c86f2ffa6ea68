"""Measure all that docs/performance.md tells, and write its tables and plots.

`python3 scripts/performance.py --write` takes a quarter of an hour; the machine should then have
nothing else to do. Without `--write` it only measures, and prints the tables.
"""

from _bootstrap import enter

if __name__ == "__main__":
    enter("dev")
    from trials.performance import main

    main()
