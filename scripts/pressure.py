"""Measure what a greedy commander, or peer, costs a node: its memory, and how long it is deaf.

A real cluster of three nodes with some megabytes of blocks; each row has a node just started, and
one process that asks far more than it reads. The table gives, for each row:

- `MiB added`: the node's greatest resident memory, less what it had before;
- `silent ms`: the longest time that another commander waited for the answer to a small question;
- `decided/s`: payments of another commander, one at a time, meanwhile;
- `SIGTERM s`: how long the node then took to leave, while nobody reads what it has sent.

`python3 scripts/pressure.py --seconds 10`; give names of rows for these alone.
"""

from _bootstrap import enter

if __name__ == "__main__":
    enter("runtime")
    from trials.pressure import main

    main()
