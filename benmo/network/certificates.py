"""TLS with the cluster's certificates, and the node or the client that each certificate names.

The initialize script makes the cluster's own authority (`benmo.admin.authority`), and for each node
a certificate that names cluster, node and member in a URI. A client's certificate has another URI,
which no node's can be taken for:

    benmo://CLUSTER/node/2/MEMBER   a member of node 2: it speaks for node 2, and commands it
    benmo://CLUSTER/payer/shop      a client: it pays with the money of any node, and reads
    benmo://CLUSTER/payer/shop/2    a client: it pays with node 2's money alone, and reads
    benmo://CLUSTER/reader/books    a client: it only reads

With mutual TLS 1.3, which trusts that authority alone, strangers are turned away before a single
byte of theirs is decoded. No certificate expires, whatever dates it bears: a wrong clock must not
keep a node out.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from benmo.errors import ProtocolError, StateError
from benmo.network.rights import Right
from benmo.paxos.types import MemberId, NodeId
from benmo.regular_files import read_regular

KEY, CERTIFICATE, AUTHORITY = "key.pem", "certificate.pem", "authority.pem"
_NOT_ITS_KEY = f"it isn't the key of {CERTIFICATE}"

CLIENT_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")

_NODE_URI = re.compile(r"benmo://([0-9a-f]+)/node/([1-9][0-9]*)/([0-9a-f]{32})")
_CLIENT_URI = re.compile(
    rf"benmo://([0-9a-f]+)/(?:reader/({CLIENT_NAME.pattern})"
    rf"|payer/({CLIENT_NAME.pattern})(?:/([1-9][0-9]*))?)"
)
_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, for which `ssl` has no name."""


_ENDS = (ssl.SSLEOFError, ssl.SSLZeroReturnError)


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """The cluster, the node and the member that a node's certificate names."""

    cluster: str
    node: NodeId
    member: MemberId

    @property
    def uri(self) -> str:
        return f"benmo://{self.cluster}/node/{self.node}/{self.member}"

    def __str__(self) -> str:
        return f"node {self.node} of cluster {self.cluster[:8]}"


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """The cluster and the client that a client's certificate names, and what the client may do.

    may_pay   whether the client may pay, and not only read
    pays_for  the node with whose money alone it may pay; None for any node
    """

    cluster: str
    name: str
    may_pay: bool
    pays_for: NodeId | None = None

    @property
    def uri(self) -> str:
        if not self.may_pay:
            return f"benmo://{self.cluster}/reader/{self.name}"
        node = "" if self.pays_for is None else f"/{self.pays_for}"
        return f"benmo://{self.cluster}/payer/{self.name}{node}"

    def __str__(self) -> str:
        return f"client {self.name} of cluster {self.cluster[:8]}"

    def right_at(self, node: NodeId) -> Right:
        """The client's right at this node."""
        return Right.PAY if self.may_pay and self.pays_for in (None, node) else Right.READ


Identity = NodeIdentity | ClientIdentity


class WrongCertificate(StateError):
    """A key or a certificate is missing, damaged or another's. The text begins with the file."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path
        self.what = what


def server_context(directory: Path) -> ssl.SSLContext:
    """TLS 1.3 for listening; the other end must have a certificate of this cluster.

    Raises `WrongCertificate` if a file in `directory` (a `tls/`) is missing or damaged.
    """
    return _context(ssl.PROTOCOL_TLS_SERVER, directory)


def client_context(directory: Path) -> ssl.SSLContext:
    """TLS 1.3 for dialling; `peer_identity`, not the host name, says which node answers.

    Raises `WrongCertificate` if a file in `directory` (a `tls/`) is missing or damaged.
    """
    return _context(ssl.PROTOCOL_TLS_CLIENT, directory)


def peer_identity(certificate: Mapping[str, Any] | None) -> Identity:
    """The node or client that a verified certificate (of `getpeercert`) names.

    Raises `ProtocolError` if it names none, or several.
    """
    names = () if certificate is None else certificate.get("subjectAltName", ())
    uris = [value for kind, value in names if kind == "URI"]
    identity = _identity_in(uris[0]) if len(uris) == 1 else None
    if identity is None:
        raise ProtocolError("its certificate names no node and no client")
    return identity


def _identity_in(uri: str) -> Identity | None:
    if match := _NODE_URI.fullmatch(uri):
        return NodeIdentity(match[1], int(match[2]), match[3])
    if match := _CLIENT_URI.fullmatch(uri):
        cluster, reader, payer, node = match.groups()
        pays_for = None if node is None else int(node)
        return ClientIdentity(cluster, reader or payer, payer is not None, pays_for)
    return None


def tls_trouble(address: object, error: Exception | None) -> str:
    """Say why TLS with what listens at an address failed; empty for an error of another kind.

    A connection that just ends is of another kind: the other end may have been killed.
    """
    if not isinstance(error, ssl.SSLError) or isinstance(error, _ENDS):
        return ""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"what listens at {address} is not of this cluster: {error.verify_message}"
    reason = (error.reason or str(error)).replace("_", " ").lower()
    return f"TLS with what listens at {address} fails: {reason}"


def own_identity(directory: Path) -> Identity:
    """The node or client whose certificate is in `directory` (a `tls/`).

    The files are tried out, in a handshake with themselves. Raises `WrongCertificate` unless the
    key is the certificate's and the certificate verifies against the authority.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context(directory).wrap_bio(to_client, to_server)
    server = server_context(directory).wrap_bio(to_server, to_client, server_side=True)
    path = directory / CERTIFICATE
    try:
        for end in (client, server, client, server):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
        return peer_identity(server.getpeercert())
    except ssl.SSLCertVerificationError as error:
        what = f"it doesn't verify against {AUTHORITY}: {error.verify_message}"
        raise WrongCertificate(path, what) from error
    except ssl.SSLError as error:
        if error.reason == "BAD_SIGNATURE":
            raise WrongCertificate(directory / KEY, _NOT_ITS_KEY) from error
        raise WrongCertificate(path, f"it can't be used: {error.reason}") from error
    except ProtocolError as error:
        raise WrongCertificate(path, str(error)) from error


def is_node(identity: Identity, cluster: str, node: NodeId) -> TypeGuard[NodeIdentity]:
    """Whether a certificate is of a member of this node, whichever member that is."""
    return (
        isinstance(identity, NodeIdentity) and identity.cluster == cluster and identity.node == node
    )


def require_node(directory: Path, cluster: str, node: NodeId) -> NodeIdentity:
    """The node's certificate in a `tls/`, of whichever of its members.

    Raises `WrongCertificate`, as `own_identity`, and if the certificate is another's.
    """
    identity = own_identity(directory)
    if not is_node(identity, cluster, node):
        what = f"it is of {identity}, not of node {node} of cluster {cluster[:8]}"
        raise WrongCertificate(directory / CERTIFICATE, what)
    return identity


def require_member(directory: Path, wanted: NodeIdentity) -> None:
    """Raises `WrongCertificate`, as `require_node`, and if it is of another member of the node."""
    member = require_node(directory, wanted.cluster, wanted.node).member
    if member != wanted.member:
        what = f"it is of member {member[:8]} of node {wanted.node}, not of {wanted.member[:8]}"
        raise WrongCertificate(directory / CERTIFICATE, what)


def require_client(directory: Path, cluster: str) -> None:
    """Raises `WrongCertificate`, as `own_identity`, and unless it is a client's of the cluster."""
    identity = own_identity(directory)
    if not isinstance(identity, ClientIdentity) or identity.cluster != cluster:
        what = f"it is of {identity}, not of a client of cluster {cluster[:8]}"
        raise WrongCertificate(directory / CERTIFICATE, what)


def _context(protocol: int, directory: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= _NO_CHECK_TIME
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0
    for name in (KEY, CERTIFICATE, AUTHORITY):
        _require_readable(directory / name)
    try:
        context.load_verify_locations(directory / AUTHORITY)
        context.load_cert_chain(directory / CERTIFICATE, directory / KEY)
    except ssl.SSLError as error:
        raise _damage(directory, error) from error
    return context


def _require_readable(path: Path) -> None:
    try:
        read_regular(path)
    except OSError as error:
        raise WrongCertificate(path, f"it can't be read: {error.strerror}") from error


def _damage(directory: Path, error: ssl.SSLError) -> WrongCertificate:
    """Find the file that can't be loaded."""
    for name in (AUTHORITY, CERTIFICATE):
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(directory / name)
        except ssl.SSLError:
            return WrongCertificate(directory / name, "it is damaged: it holds no certificate")
    if not _is_issued(directory):
        return WrongCertificate(directory / CERTIFICATE, f"it doesn't verify against {AUTHORITY}")
    fits = error.reason != "KEY_VALUES_MISMATCH"
    what = "it is damaged: it holds no key" if fits else _NOT_ITS_KEY
    return WrongCertificate(directory / KEY, what)


def _is_issued(directory: Path) -> bool:
    """Whether the authority signed the certificate as it stands: `ssl` needs the key to say."""
    from cryptography import x509  # noqa: PLC0415 - takes a while to load
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415

    try:
        certificate, authority = (
            x509.load_pem_x509_certificate(read_regular(directory / name))
            for name in (CERTIFICATE, AUTHORITY)
        )
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
