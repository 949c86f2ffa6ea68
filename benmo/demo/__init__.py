"""Five nodes as processes, and one prompt that commands them all: `benmo demo`.

May import everything that lies below `benmo.node`, `benmo.admin` among it; it talks to its nodes
through `benmo.control`, as anybody else does.

A line comes from `prompt.py` (or a pipe). `addresses.py` says for whom it is, and `execute.py` has
it carried out: by a node, or by the demo itself (`table.py` names the demo's own commands,
`handlers.py` carries them out). `fleet.py` holds the processes and a connection to each;
`links.py`, what is cut and slowed. What the nodes report goes through `notice_order.py` (causes
before effects) to `board.py`, which shows it no faster than people can read.

Begin with `session.py`. The guided walk is in `tour`.
"""
