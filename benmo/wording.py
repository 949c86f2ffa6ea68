"""The words for what a node reports: the one place where a notice becomes a sentence.

The prompt, the demo, the log and the simulator's trace call `sentence`; code that wants the facts
reads the fields of the notice instead.
"""

from __future__ import annotations

from typing import assert_never

from benmo.notices import (
    NodeLost,
    Notice,
    PeerDropped,
    PeerNotDialled,
    PeerTakesNothing,
    ProcessEnded,
    RunApplied,
    SlotDecided,
    StrangerDropped,
    TransferApplied,
    TransferVoid,
)
from benmo.paxos.notices import (
    BallotGivenUp,
    CampaignBegun,
    CaughtUp,
    Defeat,
    ForeignBlockReported,
    LeaderLost,
    LeadershipWon,
    PromiseMade,
    ProposalAccepted,
    ProposalMade,
    QuorumMissing,
    ReachabilityChanged,
)
from benmo.paxos.types import NodeId


def sentence(notice: Notice) -> str:
    """Put a notice into one line of text, without a full stop."""
    match notice:
        case PromiseMade(ballot, to):
            return f"promised ballot {ballot} to node {to}"
        case ProposalAccepted(slot, ballot, proposer):
            return f"accepted slot {slot} from node {proposer} in ballot {ballot}"
        case CampaignBegun(ballot):
            return f"wants to lead: asks for promises for ballot {ballot}"
        case BallotGivenUp(ballot):
            return f"gives ballot {ballot} up: {why_given_up(notice)}"
        case LeadershipWon(ballot, promised_by):
            return f"leads with ballot {ballot}: promised by {listed(promised_by)}"
        case LeaderLost(leader):
            return f"the leader, node {leader}, is gone"
        case ProposalMade(slot, _, is_taken_over):
            return f"proposes slot {slot}{', taken over from a promise' if is_taken_over else ''}"
        case QuorumMissing(node, reached, nodes, quorum):
            return f"queued, not decided: {why_no_quorum(node, reached, nodes, quorum)}"
        case ReachabilityChanged(peer, is_reachable):
            return f"node {peer} is {'reachable' if is_reachable else 'unreachable'}"
        case CaughtUp(height):
            return f"caught up to height {height}"
        case ForeignBlockReported(reporter):
            return f"node {reporter} reports a block of another chain"
        case SlotDecided(slot, ballot, transfers):
            count = f"{transfers} transfer{'s' if transfers != 1 else ''}"
            return f"slot {slot} is decided: {count} in ballot {ballot}"
        case TransferApplied(_, transfer):
            return f"decided {transfer}"
        case TransferVoid(_, transfer):
            return f"refused {transfer}"
        case RunApplied(_, debit, first, end):
            return f"decided {debit}-{first} to {debit}-{end - 1} ({end - first} transfers)"
        case StrangerDropped(reason):
            return f"a connection was dropped: {reason}"
        case PeerDropped(peer, reason):
            return f"the connection from node {peer} was dropped: {reason}"
        case PeerTakesNothing(peer):
            return f"node {peer} reads too little: the connection to it was dropped"
        case PeerNotDialled(peer, reason):
            return f"node {peer} can't be dialled: {reason}"
        case NodeLost(node):
            return f"node {node} is gone"
        case ProcessEnded(how):
            return how
        case _:
            assert_never(notice)


def why_given_up(notice: BallotGivenUp) -> str:
    """Say why a ballot was given up."""
    match notice.defeat:
        case Defeat.NO_ANSWER:
            return "no quorum answered in time"
        case Defeat.NACK:
            return f"node {notice.nacker} has promised ballot {notice.higher}"
        case Defeat.OUTBID:
            return f"node {notice.higher.node} has the higher ballot {notice.higher}"


def why_no_quorum(node: NodeId, reached: int, nodes: int, quorum: int) -> str:
    """Say why nothing in a node's queue can be decided; `reached` counts the node itself."""
    return f"node {node} reaches {reached} of {nodes}, needs {quorum}"


def listed(nodes: tuple[NodeId, ...]) -> str:
    """List nodes in the order given: `1, 2, 4`."""
    return ", ".join(map(str, nodes))
