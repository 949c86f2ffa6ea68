"""Node 1's queue over a ledger of three nodes, without a protocol around it."""

from benmo.ledger.blocks import Block, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.payment_queue import NotQueued, PaymentQueue
from benmo.ledger.transfers import Payments, Run
from benmo.paxos.membership import numbered_member
from benmo.paxos.types import Ballot

NODES = (1, 2, 3)
FIRST, SECOND = Ballot(5, 2), Ballot(6, 3)


class QueueingNode:
    """Queues, decides and proposes."""

    def __init__(
        self, balance: int = 100, log_limit: int = 10, block_transfers_max: int = 100
    ) -> None:
        self.ledger = Ledger(dict.fromkeys(NODES, balance))
        self.queue = PaymentQueue(
            1, numbered_member(1), self.ledger, encode_block, log_limit, block_transfers_max
        )

    def pay(self, *payments: tuple[int, int]) -> Run | NotQueued:
        return self.queue.add(Payments.of(*payments))

    def decide(self, *runs: Run) -> None:
        block = encode_block(self.ledger.height + 1, Ballot(1, 1), self.ledger.head, 1.5, runs)
        self.ledger.apply(block)
        self.queue.on_applied()

    def block(self) -> Block:
        return self.queue.block(self.ledger.height + 1, FIRST, self.ledger.head, 1.5)


def numbers(run: object) -> list[int]:
    """The numbers of a run's transfers."""
    assert run is None or isinstance(run, Run)
    return [] if run is None else list(range(run.first, run.end))
