"""The stage: what the demo's commands work on, and the worker that carries them out."""

from __future__ import annotations

from dataclasses import dataclass, field

from benmo.demo.board import Board
from benmo.demo.fleet import Fleet
from benmo.demo.run_log import NoLog, RunLog
from benmo.demo.tour.tour import Tour
from benmo.paxos.types import Ballot, NodeId
from benmo.repl.said_once import SaidOnce
from benmo.watch.addresses import PageAddresses
from benmo.worker import Worker


@dataclass(slots=True)
class Stage:
    """The nodes, and what the user sees of them.

    selected    the node for which a line without an address is
    board       None where no notices are shown
    said_once   the reasons that notices have given
    decided_in  the ballots in which slots were decided, as far as notices said
    tour        the tour that was begun last; None if there is none
    log         takes what is done here, for those who watch
    page        the addresses of the page; None if none is served
    worker      the only one that starts nodes and changes links; see `DemoRunner`
    """

    fleet: Fleet
    selected: NodeId
    board: Board | None = None
    said_once: SaidOnce = field(default_factory=SaidOnce)
    decided_in: dict[int, Ballot] = field(default_factory=dict)
    tour: Tour | None = None
    log: RunLog = field(default_factory=NoLog)
    page: PageAddresses | None = None
    worker: Worker = field(default_factory=lambda: Worker("the demo"))
