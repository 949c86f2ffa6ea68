"""The trap of an ambush: kills a leader as soon as another node has accepted its block."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from benmo.child_node import NodeProcess
from benmo.notices import Notice
from benmo.paxos.notices import ProposalAccepted
from benmo.paxos.types import NodeId


@dataclass(slots=True)
class Trap:
    """Waits until `witness` has accepted a block that `leader` proposed, to kill `leader` then."""

    leader: NodeProcess
    witness: NodeId
    is_sprung: threading.Event = field(default_factory=threading.Event)

    def hear(self, node: NodeId, notice: Notice) -> bool:
        """Kill the leader if this notice says that it is time; returns whether it did.

        Only the process for which the trap was set: another may run in its place meanwhile.
        """
        is_accepted = isinstance(notice, ProposalAccepted) and notice.proposer == self.leader.node
        is_due = is_accepted and node == self.witness and not self.is_sprung.is_set()
        if not (is_due and self.leader.is_running):
            return False
        self.is_sprung.set()
        self.leader.kill()
        return True
