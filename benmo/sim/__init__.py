"""The simulator: production engines on a simulated clock, network and disk, from a seed.

May import `benmo.engine`, `benmo.storage`, `benmo.ledger`, `benmo.paxos`, `benmo.network.wire`,
`benmo.tape`, `benmo.typed_json` and `benmo.errors`. Nothing outside this package knows that it is
simulated.

Begin with `run.py`, a run from its beginning to its end; docs/simulator.md is about using it.

==============  ==================================================================
`draw.py`       draws a plan from a seed (`draw_users.py`: what users do; `draw_members.py`:
                disks lost, machines replaced, nodes that come and go)
`plan.py`       a plan; `happenings.py` are its words: payments, crashes, cuts, damage …
`world.py`      machines on a network, and the order of events (`agenda.py`)
`machine.py`    one member of a node: a disk, a clock, an index of keys, and the production engine
`roster.py`     all machines that there ever were: a node has several if it was replaced
`link_news.py`  which machines are linked, and when each end of a link notices
`faults.py`     makes a plan's happenings happen in a world
`ambushes.py`   faults that wait for a message
`operators.py`  ask for changes of the membership
`calm.py`       the end of all faults
`users.py`      pay, and ask how far the chain may be
`run.py`        runs a plan: faults, then calm, then the last checks
`checkers/`     the rules and promises that are checked at every step
`findings.py`   what becomes of what is found: it ends a run, or the run goes on to the fork
`trace.py`      the steps of a run, as lines
`recording.py`  the same run as the records of a tape
`evidence.py`   the record in which a finding shows
`shrink.py`     cuts a failing plan down
`planted/`      mistakes that must be found
`seeds.py`      many runs, in several processes
`command.py`    `benmo simulate`
`explore/`      `benmo explore`: no chance, but every order of events of a small system
==============  ==================================================================
"""
