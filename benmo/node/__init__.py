"""A running node: `python -m benmo.node 1`.

May import everything but `benmo.client`, `benmo.admin`, `benmo.demo`, `benmo.sim`, `benmo.bench`
and `benmo.cli`.

Begin with `process.py`, which reads the state, starts the listener thread, runs the prompt and
leaves with a status. `service.py` puts the node together and runs it in the listener thread;
`turns.py` gathers what comes in one pass of the loop into one turn of the engine, so one fsync;
`view.py` answers what may be asked of the node. `execute.py` carries out commands;
`control_server.py` answers programs that command the node over its port; `commanders.py` shares out
what they may take of the node's memory and time. `leaving.py` ends a node that is retired.
"""
