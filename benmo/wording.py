"""The words for what a node reports: the one place where a notice becomes a sentence.

The prompt, the demo, the log and the simulator's trace call `sentence`; code that wants the facts
reads the fields of the notice instead.
"""

from __future__ import annotations

from typing import assert_never

from benmo import notices
from benmo.paxos import notices as protocol
from benmo.paxos.types import NodeId


def sentence(notice: notices.Notice) -> str:
    """Put a notice into one line of text, without a full stop."""
    match notice:
        case protocol.PromiseMade(ballot, to):
            return f"promised ballot {ballot} to node {to}"
        case protocol.ProposalAccepted(slot, ballot, proposer):
            return f"accepted slot {slot} from node {proposer} in ballot {ballot}"
        case protocol.CampaignBegun(ballot):
            return f"wants to lead: asks for promises for ballot {ballot}"
        case protocol.BallotGivenUp(ballot):
            return f"gives ballot {ballot} up: {why_given_up(notice)}"
        case protocol.LeadershipWon(ballot, promised_by):
            return f"leads with ballot {ballot}: promised by {listed(promised_by)}"
        case protocol.LeaderLost(leader):
            return f"the leader, node {leader}, is gone"
        case protocol.ProposalMade(slot, _, is_taken_over):
            return f"proposes slot {slot}{', taken over from a promise' if is_taken_over else ''}"
        case protocol.QuorumMissing(node, reached, nodes, quorum):
            return f"queued, not decided: {why_no_quorum(node, reached, nodes, quorum)}"
        case protocol.ReachabilityChanged(peer, is_reachable):
            return f"node {peer} is {'reachable' if is_reachable else 'unreachable'}"
        case protocol.CaughtUp(height):
            return f"caught up to height {height}"
        case protocol.ForeignBlockReported(reporter):
            return f"node {reporter} reports a block of another chain"
        case notices.SlotDecided(slot, ballot, transfers):
            count = f"{transfers} transfer{'s' if transfers != 1 else ''}"
            return f"slot {slot} is decided: {count} in ballot {ballot}"
        case notices.TransferApplied(_, transfer):
            return f"decided {transfer}"
        case notices.TransferVoid(_, transfer):
            return f"refused {transfer}"
        case notices.RunApplied(_, debit, first, end):
            return f"decided {debit}-{first} to {debit}-{end - 1} ({end - first} transfers)"
        case notices.ConnectionDropped(peer, reason):
            which = "a connection" if peer is None else f"the connection from node {peer}"
            return f"{which} was dropped: {reason}"
        case notices.SlowPeerDropped(peer):
            return f"node {peer} reads too little: the connection to it was dropped"
        case notices.PeerNotDialled(peer, reason):
            return f"node {peer} can't be dialled: {reason}"
        case notices.NodeLost(node):
            return f"node {node} is gone"
        case notices.ProcessEnded(how):
            return how
        case _:
            assert_never(notice)


def why_given_up(notice: protocol.BallotGivenUp) -> str:
    """Say why a ballot was given up."""
    match notice.defeat:
        case protocol.Defeat.NO_ANSWER:
            return "no quorum answered in time"
        case protocol.Defeat.NACK:
            return f"node {notice.nacker} has promised ballot {notice.higher}"
        case protocol.Defeat.OUTBID:
            return f"node {notice.higher.node} has the higher ballot {notice.higher}"


def why_no_quorum(node: NodeId, reached: int, nodes: int, quorum: int) -> str:
    """Say why nothing in a node's queue can be decided; `reached` counts the node itself."""
    return f"node {node} reaches {reached} of {nodes}, needs {quorum}"


def listed(nodes: tuple[NodeId, ...]) -> str:
    """List nodes in the order given: `1, 2, 4`."""
    return ", ".join(map(str, nodes))
