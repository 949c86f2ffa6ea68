"""`benmo bench`: how fast a cluster is on this machine, and how far that is from what it can do.

=================  ==================================================================
`command.py`       the command
`cluster.py`       a temporary cluster of real processes, and what each of them uses
`load.py`          clients that pay without a pause: batches, single transfers, one at a time
`gaps.py`          how long nothing is decided when the leader is killed or paused
`long_chain.py`    memory, start-up, catching up and growth with a long chain
`continents.py`    five nodes on five continents, by simulation
`bare_round.py`    the limit: a block to every node and to its disk, and nothing else
`figures.py`       what was measured: medians, ratios
`table.py`         the figures, for people
=================  ==================================================================
"""
