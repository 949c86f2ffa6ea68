"""Mistakes with keys: in each, what was paid under a key may be paid once more, or mistaken."""

from __future__ import annotations

from math import inf

from benmo.ledger import payment_keys as keys
from benmo.ledger.payment_keys import PaymentKeys
from benmo.ledger.transfers import Payments, Run
from benmo.sim.planted.patch import Patch


def queued_key_forgotten(patch: Patch) -> None:
    """A key counts as used only once its transfer is decided."""
    patch.set(PaymentKeys, "queued", lambda self, run: None)


def keys_forgotten_at_restart(patch: Patch) -> None:
    """A start doesn't read from the chain what the index of keys lacks."""

    def recover(self: PaymentKeys, queue: Run) -> None:
        if not self._is_of_this_chain():
            self._index.clear()
        self.queued(queue)

    patch.set(PaymentKeys, "recover", recover)


def keys_of_queue_not_recovered(patch: Patch) -> None:
    """A start takes over the keys of the chain, but not those of the queue."""
    original = PaymentKeys.recover

    def recover(self: PaymentKeys, queue: Run) -> None:
        original(self, queue.upto(0))

    patch.set(PaymentKeys, "recover", recover)


def index_ahead_of_its_keys(patch: Patch) -> None:
    """The index of keys says that it has the keys of some blocks before it has them."""
    original = PaymentKeys.checkpoint

    def checkpoint(self: PaymentKeys, height: int, head: str) -> None:
        self._index.extend((), height, head)
        original(self, height, head)

    patch.set(PaymentKeys, "checkpoint", checkpoint)


def foreign_index_believed(patch: Patch) -> None:
    """Whatever index of keys is there is taken for that of this chain."""
    patch.set(PaymentKeys, "_is_of_this_chain", lambda self: True)


def content_not_compared(patch: Patch) -> None:
    """Whatever is asked for under a known key is taken for a retry."""
    patch.set(keys, "_require_same", lambda payments, position, known: None)


def partly_known_pays_again(patch: Patch) -> None:
    """A request of which only a part is known is queued as a whole."""
    original = PaymentKeys.known

    def known(self: PaymentKeys, payments: Payments, new_max: float = inf) -> object:
        found = original(self, payments, new_max)
        return found if len(found) == len(payments) else {}

    patch.set(PaymentKeys, "known", known)
