"""The cluster's certificate authority, which makes each node's certificate.

Only a program that makes a cluster loads this module; without it, a node takes 10 MiB less memory.
"""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from benmo.cluster import write_private
from benmo.network.certificates import AUTHORITY, CERTIFICATE, KEY, Identity
from benmo.paxos.types import NodeId

# Certificates are valid for so long that a wrong clock can't keep a node out.
_VALID_FROM = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_VALID_UNTIL = datetime.datetime(2200, 1, 1, tzinfo=datetime.UTC)


class Authority:
    """A cluster's certificate authority; its key is needed only while certificates are made."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"benmo cluster {cluster[:8]}")
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        self._certificate = (
            _builder(name, name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), False)
            .sign(self._key, hashes.SHA256())
        )

    def write(self, directory: Path) -> None:
        """Write the authority's own key and certificate into a directory."""
        write_private(directory / KEY, _key_bytes(self._key))
        write_private(directory / AUTHORITY, _certificate_bytes(self._certificate))

    def write_node(self, node: NodeId, host: str, directory: Path) -> None:
        """Make a node's key and certificate, and write both, with the authority's certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        identity = x509.UniformResourceIdentifier(Identity(self._cluster, node).uri)
        own = self._key.public_key()
        certificate = (
            _builder(_name(f"benmo node {node}"), self._certificate.subject, key.public_key())
            .add_extension(x509.SubjectAlternativeName([identity, _host_name(host)]), False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), False)
            .sign(self._key, hashes.SHA256())
        )
        write_private(directory / KEY, _key_bytes(key))
        write_private(directory / CERTIFICATE, _certificate_bytes(certificate))
        write_private(directory / AUTHORITY, _certificate_bytes(self._certificate))


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


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


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
