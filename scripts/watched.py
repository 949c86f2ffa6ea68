"""Measure what it costs a cluster that `benmo watch` shows it, and that the limit of records works.

A real cluster of five nodes under a load of `benmo bench`, by turns with nobody listening and with
one page open: `benmo watch` as a process, and a reader of its WebSocket in another one, which
decodes all that it gets as the page does; or with `--browser` the page itself, in Chromium without
a window. The table gives, for each load:

- the medians of the decided transfers a second, without and with the page, and their ratio; behind
  it the least and the greatest ratio of a pair of neighbouring runs;
- the records that the page got in a second; and those that weren't made, as its gaps say;
- the CPU that `benmo watch` took, as a part of one core;
- the CPU time of the nodes and the clients for each transfer, without and with the page: it depends
  least on what else the machine does.

`python3 scripts/watched.py`; leave the machine alone meanwhile.
"""

from _bootstrap import enter

if __name__ == "__main__":
    enter("dev")
    from trials.watched import main

    from benmo.program import run

    run(main)
