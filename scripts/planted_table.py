"""Plant each known mistake, and say how long the simulator needs to find it.

    python3 scripts/planted_table.py            the table of docs/simulator.md, measured now
    python3 scripts/planted_table.py --write    and written there

About ten minutes on two cores; exit status 1 if a mistake isn't found.
"""

from _bootstrap import enter

if __name__ == "__main__":
    enter("runtime")
    from trials.planted_table import main

    main()
