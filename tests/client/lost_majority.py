"""A cluster that loses its majority, and what a client then says of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benmo.client import Client, ClientError, OutcomeUnknown
from tests.support.real_cluster import RealCluster

ALONE = "node 1 reaches 1 of 3, needs 2"


def paid_keys(client: Client) -> list[str | None]:
    """The keys of all transfers that moved money, as the chain tells."""
    return [
        transfer.key
        for block in client.chain()
        for transfer in block.transfers
        if transfer.outcome == "applied"
    ]


def error_of(
    use: Callable[[float], object], error: type[ClientError], text: str
) -> ClientError | OutcomeUnknown:
    """The error that `use` ends with. It knows the reason once it has had the time to learn it.

    How much time that is depends on the machine, so `use` is given more and more of it.
    """
    for timeout_s in (0.2, 1.0, 5.0, 25.0):
        with pytest.raises(error) as caught:
            use(timeout_s)
        if text in str(caught.value):
            return caught.value
    raise AssertionError(f"{text!r} is never said, but: {caught.value}")


def lose_majority(cluster: RealCluster) -> None:
    cluster.kill(2, 3)
    cluster.until(1, "printStatus", lambda status: not status["quorum"])
