"""Plant each known mistake, and say how long the simulator needs to find it.

    python3 scripts/planted_table.py            print the table of docs/simulator.md, measured now
    python3 scripts/planted_table.py --write    write it into that document, too

It takes about ten minutes on two cores, and exits with status 1 if a mistake isn't found.
"""

from _bootstrap import enter

if __name__ == "__main__":
    enter("runtime")
    from trials.planted_table import main

    from benmo.program import run

    run(main)
