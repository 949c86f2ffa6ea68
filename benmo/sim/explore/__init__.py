"""Every order of deliveries, losses and crashes of a small system, on the production code.

May import what `benmo.sim` may, and of it `disk.py`, `trace.py`, `recording.py`, `violation.py`,
`member_names.py`, `checkers/history.py` and `planted`.

Begin with `search.py`, the search and its theory. `bounds.py` says what is
explored; `system.py` are the tables that make it fast;
`node.py` is one node as a pure function; `parts.py` the production parts within bounds;
`reductions.py` what no later event can tell apart; `snapshot.py` copies and identities of live
objects; `path.py` the way to a violation as lines, `recording.py` as a trace; `command.py` is
`benmo explore`.
"""
