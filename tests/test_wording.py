"""Each notice has its sentence, and keeps all of its fields on its way to whoever watches."""

from __future__ import annotations

import pytest

from benmo import notices
from benmo.control.requests import Told, decode_answer, encode
from benmo.errors import ProtocolError
from benmo.ledger.transfers import Transfer
from benmo.notices import NOTICES, Notice
from benmo.paxos import notices as protocol
from benmo.paxos.types import Ballot
from benmo.wording import sentence

BALLOT = Ballot(7, 2)
SENTENCES: list[tuple[Notice, str]] = [
    (protocol.PromiseMade(BALLOT, 2), "promised ballot (7, 2) to node 2"),
    (protocol.ProposalAccepted(4, BALLOT, 2), "accepted slot 4 from node 2 in ballot (7, 2)"),
    (protocol.CampaignBegun(BALLOT), "wants to lead: asks for promises for ballot (7, 2)"),
    (
        protocol.BallotGivenUp(BALLOT, protocol.Defeat.NO_ANSWER),
        "gives ballot (7, 2) up: no quorum answered in time",
    ),
    (
        protocol.BallotGivenUp(BALLOT, protocol.Defeat.NACK, Ballot(8, 3), 4),
        "gives ballot (7, 2) up: node 4 has promised ballot (8, 3)",
    ),
    (
        protocol.BallotGivenUp(BALLOT, protocol.Defeat.OUTBID, Ballot(8, 3)),
        "gives ballot (7, 2) up: node 3 has the higher ballot (8, 3)",
    ),
    (protocol.LeadershipWon(BALLOT, (1, 2, 4)), "leads with ballot (7, 2): promised by 1, 2, 4"),
    (protocol.LeaderLost(2), "the leader, node 2, is gone"),
    (protocol.ProposalMade(4, BALLOT, False), "proposes slot 4"),
    (protocol.ProposalMade(4, BALLOT, True), "proposes slot 4, taken over from a promise"),
    (protocol.QuorumMissing(1, 2, 5, 3), "queued, not decided: node 1 reaches 2 of 5, needs 3"),
    (protocol.ReachabilityChanged(3, True), "node 3 is reachable"),
    (protocol.ReachabilityChanged(3, False), "node 3 is unreachable"),
    (protocol.CaughtUp(9), "caught up to height 9"),
    (protocol.ForeignBlockReported(3), "node 3 reports a block of another chain"),
    (notices.SlotDecided(4, BALLOT, 1), "slot 4 is decided: 1 transfer in ballot (7, 2)"),
    (notices.SlotDecided(4, BALLOT, 2), "slot 4 is decided: 2 transfers in ballot (7, 2)"),
    (
        notices.TransferApplied(4, Transfer(1, 3, 2, 10, "thanks", "a key")),
        "decided 1-3 (10 from node 1 to node 2: thanks)",
    ),
    (notices.TransferVoid(4, Transfer(1, 3, 2, 10)), "refused 1-3 (10 from node 1 to node 2)"),
    (notices.RunApplied(4, 1, 3, 903), "decided 1-3 to 1-902 (900 transfers)"),
    (notices.ConnectionDropped(None, "no TLS"), "a connection was dropped: no TLS"),
    (notices.ConnectionDropped(3, "why"), "the connection from node 3 was dropped: why"),
    (notices.SlowPeerDropped(3), "node 3 reads too little: the connection to it was dropped"),
    (notices.PeerNotDialled(3, "why"), "node 3 can't be dialled: why"),
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
