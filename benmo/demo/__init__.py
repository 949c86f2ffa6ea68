"""Five nodes as processes, and one prompt and one page that command them all: `benmo demo`.

May import `benmo.admin`, `benmo.repl`, `benmo.watch` and what these may import, and
`benmo.child_node`; not `benmo.node`: the demo commands its nodes through `benmo.control`, as any
other program does.

Begin with `session.py`. `prompt.py` (or a pipe) gives a line, `addresses.py` says which node the
line is for, and `execute.py` has a node or the demo itself carry it out, one line after the other,
in the thread of `benmo/worker.py`: `table.py` names the demo's own commands, `handlers.py`,
`link_handlers.py` and `disk_handlers.py` carry them out. `fleet.py` holds the nodes' processes and
a connection to each; `links.py` knows which links are cut or slowed, `link_keeper.py` has the nodes
do that, and `lost_disks.py` knows which disks are lost. `page.py` serves the page, which shows what
`run_log.py` names, and takes lines from it. The nodes' notices go through `notice_order.py`, which
puts causes before effects, to `board.py`, which shows notices no faster than people can read. The
guided walk is in `tour`.
"""
