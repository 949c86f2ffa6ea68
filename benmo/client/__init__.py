"""For programs: `Client`, which waits, and `AsyncClient`, for asyncio.

    from benmo.client import Client

    with Client(node=1) as client:
        receipt = client.transfer(10, to=2, key="rent for May")
        print(receipt.id, "is decided in slot", receipt.slot)
        print(client.balances(confirmed=True).by_node)

What they say is true at any time: a payment is `decided`, or one of three errors says what is
known of it. `Refused`: it never applies. `OutcomeUnknown`: it may; ask again with the same key.
`NotConnected`: nothing was sent.
"""

from benmo.client.asynchronous import AsyncClient
from benmo.client.blocking import Client
from benmo.client.errors import (
    ClientError,
    Inconsistent,
    NotConnected,
    OutcomeUnknown,
    QueueFull,
    Refused,
    Unavailable,
)
from benmo.client.receipts import Receipts
from benmo.client.values import Balances, Block, Payment, Receipt, Status, Transfer

__all__ = [
    "AsyncClient",
    "Balances",
    "Block",
    "Client",
    "ClientError",
    "Inconsistent",
    "NotConnected",
    "OutcomeUnknown",
    "Payment",
    "QueueFull",
    "Receipt",
    "Receipts",
    "Refused",
    "Status",
    "Transfer",
    "Unavailable",
]
