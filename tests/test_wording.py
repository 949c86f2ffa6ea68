"""Each notice has its sentence, and keeps all of its fields on its way to whoever watches."""

from __future__ import annotations

import pytest

from benmo import notices
from benmo.control.requests import Told, decode_answer, encode
from benmo.errors import ProtocolError
from benmo.ledger.transfers import Transfer
from benmo.notices import NOTICES, Notice
from benmo.paxos import notices as protocol
from benmo.paxos.types import Ballot, Change, ChangeKind
from benmo.wording import sentence

BALLOT = Ballot(7, 2)
OLD, NEW = "a" * 32, "b" * 32
REPLACED = Change(ChangeKind.REPLACE, 3, OLD, NEW, "h", 7003)
SENTENCES: list[tuple[Notice, str]] = [
    (
        protocol.PromiseMade(BALLOT, 2, 4),
        "promised ballot (7, 2) to node 2, reports: nothing accepted for slot 4",
    ),
    (
        protocol.PromiseMade(BALLOT, 2, 4, Ballot(6, 1)),
        "promised ballot (7, 2) to node 2, reports: slot 4 accepted in (6, 1)",
    ),
    (
        protocol.BallotRefused(Ballot(6, 1), BALLOT, 1),
        "refused to promise ballot (6, 1) to node 1: has promised (7, 2)",
    ),
    (
        protocol.BallotRefused(Ballot(6, 1), BALLOT, 1, 4),
        "refused slot 4 from node 1 in ballot (6, 1): has promised (7, 2)",
    ),
    (
        protocol.ProposalAccepted(4, BALLOT, 2, BALLOT),
        "accepted slot 4 from node 2 in ballot (7, 2)",
    ),
    (
        protocol.ProposalAccepted(4, BALLOT, 2, Ballot(6, 1)),
        "accepted slot 4 from node 2 in ballot (7, 2): node 1's block",
    ),
    (protocol.CampaignBegun(BALLOT), "wants to lead: asks for promises for ballot (7, 2)"),
    (
        protocol.BallotGivenUp(BALLOT, protocol.Defeat.NO_ANSWER, limit_s=2.0),
        "gives ballot (7, 2) up: no quorum answered within 2 s",
    ),
    (
        protocol.BallotGivenUp(BALLOT, protocol.Defeat.NACK, Ballot(8, 3), 4),
        "gives ballot (7, 2) up: node 4 refused it, having promised (8, 3)",
    ),
    (
        protocol.BallotGivenUp(BALLOT, protocol.Defeat.OUTBID, Ballot(8, 3)),
        "gives ballot (7, 2) up: node 3 has the higher ballot (8, 3)",
    ),
    (
        protocol.RoundLimitRaised(2.04, 6.12),
        "answers take 2.0 s here: from now on a round may take 6.1 s",
    ),
    (protocol.LeadershipWon(BALLOT, (1, 2, 4)), "leads with ballot (7, 2): promised by 1, 2, 4"),
    (
        protocol.PeerWentBack(3, 57, 40),
        "node 3's chain went back from height 57 to 40, "
        "as after a power cut, or with an old copy of its files",
    ),
    (protocol.LeaderLost(2), "the leader, node 2, is gone"),
    (
        protocol.BlockReported(4, Ballot(6, 1), Ballot(6, 1), (3,)),
        "node 3 reported node 1's block for slot 4, accepted in ballot (6, 1)",
    ),
    (
        protocol.BlockReported(4, Ballot(6, 5), Ballot(5, 1), (2, 3)),
        "nodes 2 and 3 reported node 1's block for slot 4, accepted in ballot (6, 5), "
        "first proposed in (5, 1)",
    ),
    (
        protocol.ProposalMade(4, BALLOT),
        "proposes slot 4: a new block, as no promise reported one",
    ),
    (
        protocol.ProposalMade(4, BALLOT, Ballot(6, 1)),
        "proposes slot 4: must be node 1's block, which may be decided already",
    ),
    (
        protocol.ProposalMade(4, BALLOT, Ballot(6, 1), is_choice=True),
        "proposes slot 4: must be node 1's block, reported in the highest ballot",
    ),
    (protocol.QuorumMissing(1, 2, 5, 3), "queued, not decided: node 1 reaches 2 of 5, needs 3"),
    (protocol.ReachabilityChanged((3,), True), "the link to node 3 is up"),
    (protocol.ReachabilityChanged((2, 3, 4), True), "links to nodes 2, 3 and 4 are up"),
    (protocol.ReachabilityChanged((3,), False), "node 3 is unreachable"),
    (protocol.ReachabilityChanged((3, 4), False), "nodes 3 and 4 are unreachable"),
    (protocol.CaughtUp(9), "caught up to height 9"),
    (protocol.ForeignBlockReported(3), "node 3 reports a block of another chain"),
    (
        notices.SlotDecided(4, BALLOT, BALLOT, 1),
        "slot 4 is decided: 1 transfer in ballot (7, 2)",
    ),
    (
        notices.SlotDecided(4, Ballot(6, 1), BALLOT, 2),
        "slot 4 is decided: 2 transfers in ballot (7, 2), first proposed in (6, 1)",
    ),
    (
        notices.SlotDecided(4, BALLOT, BALLOT, 0, REPLACED),
        "slot 4 is decided: node 3 has a new member, bbbbbbbb, in ballot (7, 2)",
    ),
    (
        notices.SlotDecided(4, BALLOT, Ballot.ZERO, 1, REPLACED),
        "slot 4 is decided: 1 transfer, and node 3 has a new member, bbbbbbbb, "
        "first proposed in ballot (7, 2)",
    ),
    (
        notices.SlotDecided(4, BALLOT, BALLOT, 0, Change(ChangeKind.ADD, 6, "", NEW, "h", 7006)),
        "slot 4 is decided: node 6 was added, in ballot (7, 2)",
    ),
    (
        notices.SlotDecided(4, BALLOT, BALLOT, 0, Change(ChangeKind.REMOVE, 7, OLD)),
        "slot 4 is decided: node 7 was removed, in ballot (7, 2)",
    ),
    (
        notices.SlotDecided(4, BALLOT, BALLOT, 0, Change(ChangeKind.MOVE, 3, OLD, OLD, "::1", 7)),
        "slot 4 is decided: node 3 moved to [::1]:7, in ballot (7, 2)",
    ),
    (
        notices.SlotDecided(4, BALLOT, BALLOT, 0, REPLACED, "node 3 has another member by now"),
        "slot 4 is decided: the change had no effect: node 3 has another member by now",
    ),
    (
        notices.SlotDecided(4, BALLOT, BALLOT, 2, REPLACED, "there is no node 3"),
        "slot 4 is decided: 2 transfers, and the change had no effect: there is no node 3",
    ),
    (
        notices.SlotDecided(4, BALLOT, Ballot.ZERO, 2),
        "slot 4 is decided: 2 transfers, first proposed in ballot (7, 2)",
    ),
    (
        notices.TransferApplied(4, Transfer(1, 3, 2, 10, "thanks", "a key")),
        "decided 1-3 (10 from node 1 to node 2: thanks)",
    ),
    (notices.TransferVoid(4, Transfer(1, 3, 2, 10)), "refused 1-3 (10 from node 1 to node 2)"),
    (notices.RunApplied(4, 1, 3, 903), "decided 1-3 to 1-902 (900 transfers)"),
    (
        notices.DiskSlow(1.6),
        "the disk takes 2 s: payments and votes wait for it, reads don't",
    ),
    (notices.DiskQuick(), "the disk is quick again"),
    (notices.ConnectionDropped(None, "no TLS"), "a connection was dropped: no TLS"),
    (notices.ConnectionDropped(3, "why"), "the connection from node 3 was dropped: why"),
    (notices.SlowPeerDropped(3), "node 3 reads too little: the connection to it was dropped"),
    (notices.PeerNotDialled(3, "why"), "node 3 can't be dialled: why"),
    (
        notices.TwoProcessesSpeak(3, "ab12cd34" * 4),
        "two processes speak as node 3's member ab12cd34: a copy of its directory runs. "
        "Stop both, for neither keeps what the other promised",
    ),
    (
        notices.RetiredTurnedAway(3, "ab12cd34" * 4, 57),
        "node 3's member ab12cd34, retired in slot 57, was turned away",
    ),
    (notices.NodeLost(3), "node 3 is gone"),
    (notices.ProcessEnded("ended by SIGKILL"), "ended by SIGKILL"),
]


@pytest.mark.parametrize(("notice", "words"), SENTENCES, ids=lambda part: str(part)[:50])
def test_a_notice_has_its_sentence(notice: Notice, words: str) -> None:
    assert sentence(notice) == words


def test_no_notice_is_without_an_example_here() -> None:
    assert {type(notice) for notice, _ in SENTENCES} == set(NOTICES.values())


@pytest.mark.parametrize("notice", [notice for notice, _ in SENTENCES], ids=str)
def test_a_notice_is_the_same_at_the_other_end_of_a_connection(notice: Notice) -> None:
    match decode_answer(encode(Told.of(notice, 12.5))):
        case Told(at=at) as told:
            assert (told.notice(), at) == (notice, 12.5)
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize(
    "told", [Told("Nothing", {}, 1.0), Told("CaughtUp", {"height": "high"}, 1.0)], ids=str
)
def test_a_notice_that_is_none_is_no_message(told: Told) -> None:
    with pytest.raises(ProtocolError):
        told.notice()
