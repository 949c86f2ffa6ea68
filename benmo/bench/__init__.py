"""`benmo bench`: how fast a cluster is on this machine, and how far that is from the limit.

May import every package but `benmo.node` and `benmo.demo`. Only `benmo.cli` imports this one.

Begin with `command.py`, which says what is measured in which order; docs/performance.md has the
results.

=================  ==================================================================
`command.py`       the command, and the order of the measurements
`cluster.py`       a temporary cluster of real processes, and the resources that each uses
`load.py`          clients that pay without a pause: batches, single transfers, one at a time
`gaps.py`          how long nothing is decided when the leader is killed or stopped
`long_chain.py`    memory, start-up, catching up and growth with a long chain
`continents.py`    five nodes on five continents, by simulation
`bare_round.py`    the limit: a block to every node and to its disk, and nothing else
`figures.py`       the results: medians, spreads, ratios
`table.py`         the results as tables for people
=================  ==================================================================
"""
