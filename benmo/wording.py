"""The words for what a node reports: the one place where a notice becomes a sentence.

The prompt, the demo, the log and the simulator's trace call `sentence`; code that wants the facts
reads the fields of the notice instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import assert_never

from benmo import notices
from benmo.paxos import notices as protocol
from benmo.paxos.notices import NoticeKind
from benmo.paxos.types import Ballot, Change, ChangeKind, NodeId

_COUNTED = {
    NoticeKind.CAMPAIGN: "campaigning",
    NoticeKind.LEADER: "leading",
    NoticeKind.LINK: "on links",
    NoticeKind.NACKED: "refusing a ballot",
    NoticeKind.WARNING: "warnings",
}


def sentence(notice: notices.Notice) -> str:
    """Put a notice into one line of text, without a full stop."""
    match notice:
        case protocol.PromiseMade(ballot, to, slot, accepted_in):
            return f"promised ballot {ballot} to node {to}, reports: {_report(slot, accepted_in)}"
        case protocol.BallotRefused(ballot, promised, to, 0):
            return f"refused to promise ballot {ballot} to node {to}: has promised {promised}"
        case protocol.BallotRefused(ballot, promised, to, slot):
            return f"refused slot {slot} from node {to} in ballot {ballot}: has promised {promised}"
        case protocol.ProposalAccepted(slot, ballot, proposer, proposed_in):
            whose = "" if proposed_in == ballot else f": node {proposed_in.node}'s block"
            return f"accepted slot {slot} from node {proposer} in ballot {ballot}{whose}"
        case protocol.CampaignBegun(ballot):
            return f"wants to lead: asks for promises for ballot {ballot}"
        case protocol.BallotGivenUp(ballot):
            return f"gives ballot {ballot} up: {why_given_up(notice)}"
        case protocol.RoundLimitRaised(took_s, limit_s):
            return f"answers take {took_s:.1f} s here: from now on a round may take {limit_s:.1f} s"
        case protocol.LeadershipWon(ballot, promised_by):
            return f"leads with ballot {ballot}: promised by {listed(promised_by)}"
        case protocol.LeaderLost(leader):
            return f"the leader, node {leader}, is gone"
        case protocol.BlockReported(slot, accepted_in, proposed_in, reporters):
            block = f"node {proposed_in.node}'s block for slot {slot}"
            first = "" if proposed_in == accepted_in else f", first proposed in {proposed_in}"
            return f"{many(reporters)} reported {block}, accepted in ballot {accepted_in}{first}"
        case protocol.ProposalMade(slot, _, taken_over, is_choice):
            return f"proposes slot {slot}: {_why_this_block(taken_over, is_choice)}"
        case protocol.QuorumMissing(node, reached, nodes, quorum):
            return f"queued, not decided: {why_no_quorum(node, reached, nodes, quorum)}"
        case protocol.ReachabilityChanged(peers, True):
            links, are = ("links", "are") if len(peers) > 1 else ("the link", "is")
            return f"{links} to {many(peers)} {are} up"
        case protocol.ReachabilityChanged(peers, _):
            return f"{many(peers)} {'are' if len(peers) > 1 else 'is'} unreachable"
        case protocol.CaughtUp(height):
            return f"caught up to height {height}"
        case protocol.PeerWentBack(peer, height_before, height):
            return (
                f"node {peer}'s chain went back from height {height_before} to {height}, "
                f"as after a power cut, or with an old copy of its files"
            )
        case protocol.ForeignBlockReported(reporter):
            return f"node {reporter} reports a block of another chain"
        case notices.SlotDecided(slot):
            return f"slot {slot} is decided: {_what_was_decided(notice)}"
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
        case notices.TwoProcessesSpeak(peer, member):
            return (
                f"two processes speak as node {peer}'s member {member[:8]}: a copy of its "
                f"directory runs. Stop both, for neither keeps what the other promised"
            )
        case notices.RetiredTurnedAway(peer, member, slot):
            return f"node {peer}'s member {member[:8]}, retired in slot {slot}, was turned away"
        case notices.DiskSlow(seconds):
            return f"{why_disk_slow(seconds)}: payments and votes wait for it, reads don't"
        case notices.DiskQuick():
            return "the disk is quick again"
        case notices.NodeLost(node):
            return f"node {node} is gone"
        case notices.ProcessEnded(how):
            return how
        case _:
            assert_never(notice)


def _report(slot: int, accepted_in: Ballot) -> str:
    """Say what a promise reports about the slot above its sender's chain."""
    if accepted_in == Ballot.ZERO:
        return f"nothing accepted for slot {slot}"
    return f"slot {slot} accepted in {accepted_in}"


def _why_this_block(taken_over: Ballot, is_choice: bool) -> str:
    """Say which block a leader proposes, and why that one (*Paxos Made Simple*, P2c)."""
    if taken_over == Ballot.ZERO:
        return "a new block, as no promise reported one"
    if is_choice:
        return f"must be node {taken_over.node}'s block, reported in the highest ballot"
    return f"must be node {taken_over.node}'s block, which may be decided already"


def _what_was_decided(notice: notices.SlotDecided) -> str:
    """Say what a decided block holds, and in which ballots it was proposed and decided."""
    ballots = _in_ballots(notice.proposed_in, notice.decided_in)
    transfers = f"{notice.transfers} transfer{'s' if notice.transfers != 1 else ''}"
    if notice.change is None:
        return transfers + ballots
    and_transfers = f"{transfers}, and " if notice.transfers else ""
    if notice.why_void:
        return f"{and_transfers}the change had no effect: {notice.why_void}"
    comma = "," if ballots.startswith(" ") else ""
    return f"{and_transfers}{what_changed(notice.change)}{comma}{ballots}"


def what_changed(change: Change) -> str:
    """Say what a change has done to its node, as a clause."""
    node = f"node {change.node}"
    match change.kind:
        case ChangeKind.REPLACE:
            return f"{node} has a new member, {change.member[:8]}"
        case ChangeKind.ADD:
            return f"{node} was added"
        case ChangeKind.REMOVE:
            return f"{node} was removed"
        case ChangeKind.MOVE:
            return f"{node} moved to {_address(change)}"


def _address(change: Change) -> str:
    host = f"[{change.host}]" if ":" in change.host else change.host
    return f"{host}:{change.port}"


def _in_ballots(proposed_in: Ballot, decided_in: Ballot) -> str:
    """Say in which ballots a block was first proposed and decided, as far as this is known."""
    if decided_in == Ballot.ZERO:
        return f", first proposed in ballot {proposed_in}"
    first = "" if proposed_in == decided_in else f", first proposed in {proposed_in}"
    return f" in ballot {decided_in}{first}"


def why_given_up(notice: protocol.BallotGivenUp) -> str:
    """Say why a ballot was given up."""
    match notice.defeat:
        case protocol.Defeat.NO_ANSWER:
            return f"no quorum answered within {notice.limit_s:.3g} s"
        case protocol.Defeat.NACK:
            return f"node {notice.nacker} refused it, having promised {notice.higher}"
        case protocol.Defeat.OUTBID:
            return f"node {notice.higher.node} has the higher ballot {notice.higher}"


def why_disk_slow(seconds: float) -> str:
    """Say how long the disk takes, or has taken so far, to make something durable."""
    return f"the disk takes {seconds:.0f} s"


def why_no_quorum(node: NodeId, reached: int, nodes: int, quorum: int) -> str:
    """Say why nothing in a node's queue can be decided; `reached` counts the node itself."""
    return f"node {node} reaches {reached} of {nodes}, needs {quorum}"


def counted(counts: Counter[NoticeKind]) -> str:
    """Say how many notices of each kind there were, most of them first: `9 accepted, 3 decided`."""
    return ", ".join(f"{count} {_COUNTED.get(kind, kind)}" for kind, count in counts.most_common())


def many(nodes: Sequence[NodeId]) -> str:
    """Nodes as a sentence names them: `node 3`, or `nodes 3, 4 and 5`."""
    return f"node{'s' if len(nodes) > 1 else ''} {joined(list(map(str, nodes)))}"


def joined(parts: Sequence[str]) -> str:
    """Join parts as a sentence does: `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def listed(nodes: tuple[NodeId, ...]) -> str:
    """List nodes in the order given: `1, 2, 4`."""
    return ", ".join(map(str, nodes))
