"""What is told of a decided block: each transfer for itself, or of thousands one sentence."""

from benmo.ledger.blocks import Block, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.node.decision_notices import decision_notices
from benmo.paxos.membership import numbered_member
from benmo.paxos.notices import NoticeKind
from benmo.paxos.types import GENESIS_HASH, Ballot, Change, ChangeKind
from benmo.wording import sentence


def first_block(*runs: Run) -> Block:
    return encode_block(1, Ballot(5, 2), GENESIS_HASH, 1.5, runs)


def test_each_transfer_of_a_decided_block_is_told() -> None:
    ledger = Ledger({1: 100, 2: 100, 3: 100})
    applied = ledger.apply(first_block(Run(2, 1, (3, 3), (60, 60))), Ballot(5, 2))
    assert [sentence(notice) for notice in decision_notices(applied, 2)] == [
        "slot 1 is decided: 2 transfers in ballot (5, 2)",
        "decided 2-1 (60 from node 2 to node 3)",
        "refused 2-2 (60 from node 2 to node 3)",
    ]
    assert len(decision_notices(applied, 1)) == 1


def test_thousands_of_transfers_in_a_block_are_told_in_one_sentence() -> None:
    ledger = Ledger({1: 5000, 2: 5000, 3: 5000})
    runs = Run(1, 1, (3,), (1,)), Run(2, 1, (3,) * 3000, (1,) * 3000)
    applied = ledger.apply(first_block(*runs))
    assert [sentence(notice) for notice in decision_notices(applied, 2)] == [
        "slot 1 is decided: 3001 transfers, first proposed in ballot (5, 2)",
        "decided 2-1 to 2-3000 (3000 transfers)",
    ]
    assert len(decision_notices(applied, 1)) == 2


def test_where_one_is_refused_among_thousands_each_is_told() -> None:
    ledger = Ledger({1: 100, 2: 2999, 3: 100})
    run = Run(2, 1, (3,) * 3000, (1,) * 3000)
    applied = ledger.apply(first_block(run))
    kinds = [notice.kind for notice in decision_notices(applied, 2)]
    assert kinds.count(NoticeKind.DECIDED) == 3000 and kinds.count(NoticeKind.REFUSED) == 1


def test_a_change_of_the_members_is_told_at_every_node_and_why_it_had_no_effect() -> None:
    ledger = Ledger({1: 100, 2: 100, 3: 100})
    change = Change(ChangeKind.REPLACE, 3, numbered_member(3), "a" * 32, "h", 7003)
    told = []
    for _ in range(2):
        block = encode_block(ledger.height + 1, Ballot(5, 2), ledger.head, 1.5, (), change)
        (notice,) = decision_notices(ledger.apply(block, Ballot(5, 2)), 1)
        told.append(sentence(notice))
    assert told == [
        "slot 1 is decided: node 3 has a new member, aaaaaaaa, in ballot (5, 2)",
        "slot 2 is decided: the change had no effect: node 3 has another member by now, aaaaaaaa",
    ]
