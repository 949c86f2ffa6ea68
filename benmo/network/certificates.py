"""TLS with the cluster's certificates, and the node that each certificate names.

The initialize script makes the cluster's own authority (`benmo.admin.authority`), and for each node
a certificate that names cluster and node in a URI. With mutual TLS 1.3, which trusts that authority
alone, strangers are turned away before a single byte of theirs is decoded.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benmo.errors import ProtocolError, StateError
from benmo.paxos.types import NodeId

KEY, CERTIFICATE, AUTHORITY = "key.pem", "certificate.pem", "authority.pem"

_URI = re.compile(r"benmo://([0-9a-f]+)/node/([1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class Identity:
    """The cluster and the node that a certificate names."""

    cluster: str
    node: NodeId

    @property
    def uri(self) -> str:
        return f"benmo://{self.cluster}/node/{self.node}"


def server_context(directory: Path) -> ssl.SSLContext:
    """TLS 1.3 for listening; the other end must have a certificate of this cluster.

    Raises `StateError` if a file in `directory` (a node's `tls/`) is missing or damaged.
    """
    return _context(ssl.PROTOCOL_TLS_SERVER, directory)


def client_context(directory: Path) -> ssl.SSLContext:
    """TLS 1.3 for dialling; `peer_identity`, not the host name, says which node answers.

    Raises `StateError` if a file in `directory` (a node's `tls/`) is missing or damaged.
    """
    return _context(ssl.PROTOCOL_TLS_CLIENT, directory)


def peer_identity(certificate: Mapping[str, Any] | None) -> Identity:
    """The node that a verified certificate (of `getpeercert`) names.

    Raises `ProtocolError` if it names none.
    """
    names = () if certificate is None else certificate.get("subjectAltName", ())
    for kind, value in names:
        match = _URI.fullmatch(value) if kind == "URI" else None
        if match is not None:
            return Identity(match[1], int(match[2]))
    raise ProtocolError("its certificate names no node")


def _context(protocol: int, directory: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0
    for name in (KEY, CERTIFICATE, AUTHORITY):
        try:
            (directory / name).read_bytes()
        except OSError as error:
            raise StateError(f"{directory / name} can't be read: {error.strerror}") from error
    try:
        context.load_cert_chain(directory / CERTIFICATE, directory / KEY)
        context.load_verify_locations(directory / AUTHORITY)
    except ssl.SSLError as error:
        raise StateError(f"{directory}: its key or certificates are damaged: {error}") from error
    return context
