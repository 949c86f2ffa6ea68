"""A running node: `python -m benmo.node 1`.

May import everything but `benmo.client`, `benmo.admin`, `benmo.demo`, `benmo.sim`, `benmo.bench`
and `benmo.cli`.

Begin with `process.py`: reads the state, starts the listener thread, runs the prompt, leaves with a
status. `service.py` runs the engine's turns in that thread; `execute.py` carries out commands;
`control_server.py` answers those who command the node over its port.
"""
