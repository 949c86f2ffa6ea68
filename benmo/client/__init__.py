"""For programs: `Client`, which waits, and `AsyncClient`, for asyncio.

    from benmo.client import Client

    with Client(node=1) as client:
        receipt = client.transfer(10, to=2, key="rent for May")
        print(receipt.id, "is decided in slot", receipt.slot)
        print(client.balances(confirmed=True).by_node)

What a client says is true at any time: a payment is `decided`, or one of three errors says what is
known of the payment. `Refused`: the payment never applies. `OutcomeUnknown`: the payment may apply;
ask again with the same key. `NotConnected`: nothing was sent. A client that was
set up wrongly raises `Misconfigured`, whatever it is asked.

All public names are here. May import `benmo.control` and what that may import.

Begin with `asynchronous.py`, which does the work and documents each method; `blocking.py` does the
same for programs that wait. `values.py`, `receipts.py` and `errors.py` are what programs get;
`connector.py` keeps a connection, `readers.py` asks one node or another, and `monotonic_reads.py`
takes no answer that is older than one before; `convert.py` turns values into messages and back.
"""

from benmo.client.asynchronous import AsyncClient
from benmo.client.blocking import Client
from benmo.client.errors import (
    ClientError,
    Inconsistent,
    Misconfigured,
    NotConnected,
    OutcomeUnknown,
    QueueFull,
    Refused,
    Unavailable,
)
from benmo.client.receipts import Receipts
from benmo.client.values import (
    AccountTransfer,
    Balances,
    Block,
    MembershipChange,
    Payment,
    Receipt,
    Status,
    Transfer,
)
from benmo.errors import Reason

__all__ = [
    "AccountTransfer",
    "AsyncClient",
    "Balances",
    "Block",
    "Client",
    "ClientError",
    "Inconsistent",
    "MembershipChange",
    "Misconfigured",
    "NotConnected",
    "OutcomeUnknown",
    "Payment",
    "QueueFull",
    "Reason",
    "Receipt",
    "Receipts",
    "Refused",
    "Status",
    "Transfer",
    "Unavailable",
]
