"""The cluster's certificate authority, which makes the certificates of nodes and clients.

Only a program that makes certificates loads this module; without it, a node takes 10 MiB less
memory.
"""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from benmo.cluster import write_private
from benmo.errors import StateError
from benmo.network.certificates import (
    AUTHORITY,
    CERTIFICATE,
    KEY,
    ClientIdentity,
    Identity,
    NodeIdentity,
)
from benmo.paxos.types import MemberId, NodeId

# No node looks at these dates; they are for other programs that do.
_VALID_FROM = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_VALID_UNTIL = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)  # RFC 5280, 4.1.2.5


class Authority:
    """A cluster's certificate authority; its key is needed only while certificates are made."""

    def __init__(
        self, cluster: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
    ) -> None:
        self._cluster = cluster
        self._key = key
        self._certificate = certificate

    @classmethod
    def make(cls, cluster: str) -> Authority:
        """Make the authority of a new cluster."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _authority_name(cluster)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        certificate = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .sign(key, hashes.SHA256())
        )
        return cls(cluster, key, certificate)

    @classmethod
    def load(cls, cluster: str, directory: Path) -> Authority:
        """Load what `write` wrote. Raises `StateError`, naming the file, if it can't be used."""
        key_path, certificate_path = directory / KEY, directory / AUTHORITY
        try:
            certificate = x509.load_pem_x509_certificate(_read(certificate_path))
        except ValueError as error:
            raise StateError(f"{certificate_path} is damaged: it holds no certificate") from error
        if certificate.subject != _authority_name(cluster):
            raise StateError(f"{certificate_path} is not the authority of cluster {cluster[:8]}")
        try:
            key = serialization.load_pem_private_key(_read(key_path), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise StateError(f"{key_path} is damaged: it holds no key") from error
        is_own = key.public_key() == certificate.public_key()
        if not (isinstance(key, ec.EllipticCurvePrivateKey) and is_own):
            raise StateError(f"{key_path} is damaged: it isn't the key of {AUTHORITY}")
        return cls(cluster, key, certificate)

    def write(self, directory: Path) -> None:
        """Write the authority's own key and certificate into a directory."""
        write_private(directory / KEY, _key_bytes(self._key))
        write_private(directory / AUTHORITY, _certificate_bytes(self._certificate))

    def write_node(self, node: NodeId, member: MemberId, host: str, directory: Path) -> None:
        """Make a member's key and certificate, and write both, with the authority's certificate."""
        identity = NodeIdentity(self._cluster, node, member)
        self._write(f"benmo node {node}", [_uri_name(identity), _host_name(host)], directory)

    def write_client(self, name: str, may_pay: bool, node: NodeId | None, directory: Path) -> None:
        """Make a client's key and certificate, and write both, with the authority's certificate.

        If `node` is given, the client may pay with that node's money alone.
        """
        identity = ClientIdentity(self._cluster, name, may_pay, node)
        self._write(f"benmo client {name}", [_uri_name(identity)], directory)

    def _write(self, common_name: str, names: list[x509.GeneralName], directory: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        own = self._key.public_key()
        certificate = (
            _builder(_name(common_name), self._certificate.subject, key.public_key())
            .add_extension(x509.SubjectAlternativeName(names), False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), False)
            .sign(self._key, hashes.SHA256())
        )
        write_private(directory / KEY, _key_bytes(key))
        write_private(directory / CERTIFICATE, _certificate_bytes(certificate))
        write_private(directory / AUTHORITY, _certificate_bytes(self._certificate))


def is_authority_of(data: bytes, cluster: str) -> bool:
    """Whether the data is the certificate of a cluster's authority; with "", of any cluster's."""
    try:
        names = x509.load_pem_x509_certificate(data).subject.get_attributes_for_oid(
            NameOID.COMMON_NAME
        )
    except ValueError:
        return False
    wanted = _common_name(cluster)
    return any(
        name.value == wanted or (not cluster and str(name.value).startswith(wanted))
        for name in names
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StateError(f"{path} can't be read: {error.strerror}") from error


def _builder(subject: x509.Name, issuer: x509.Name, key: Any) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_VALID_FROM)
        .not_valid_after(_VALID_UNTIL)
    )


def _authority_name(cluster: str) -> x509.Name:
    return _name(_common_name(cluster))


def _common_name(cluster: str) -> str:
    return f"benmo cluster {cluster[:8]}"


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _uri_name(identity: Identity) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(identity.uri)


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate_bytes(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
