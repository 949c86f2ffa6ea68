"""Five nodes as processes, and one prompt that commands them all: `benmo demo`.

May import `benmo.admin`, `benmo.repl` and what these may import, and `benmo.child_node`; not
`benmo.node`: the demo commands its nodes through `benmo.control`, as any other program does.

Begin with `session.py`. `prompt.py` (or a pipe) gives a line, `addresses.py` says which node the
line is for, and `execute.py` has a node or the demo itself carry it out: `table.py` names the
demo's own commands, `handlers.py` and `disk_handlers.py` carry them out. `fleet.py` holds the
nodes' processes and a connection to each; `links.py` knows which links are cut or slowed, and
`lost_disks.py` which disks are lost. The nodes' notices go through `notice_order.py`, which puts
causes before effects, to `board.py`, which shows notices no faster than people can read. The guided
walk is in `tour`.
"""
