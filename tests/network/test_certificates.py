"""Which certificate names whom, and what is wrong with files that don't belong together."""

from __future__ import annotations

import base64
import datetime
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from benmo.admin import authority as made
from benmo.admin.authority import Authority
from benmo.errors import ProtocolError, StateError
from benmo.network.certificates import (
    AUTHORITY,
    CERTIFICATE,
    KEY,
    ClientIdentity,
    Identity,
    NodeIdentity,
    own_identity,
    peer_identity,
    require_member,
    require_node,
)
from benmo.network.rights import Right
from benmo.paxos.membership import numbered_member

CLUSTER = "c" * 32
MEMBER = "2a" * 16

IDENTITIES: dict[str, Identity] = {
    f"benmo://{CLUSTER}/node/2/{MEMBER}": NodeIdentity(CLUSTER, 2, MEMBER),
    f"benmo://{CLUSTER}/payer/shop": ClientIdentity(CLUSTER, "shop", True),
    f"benmo://{CLUSTER}/payer/shop/2": ClientIdentity(CLUSTER, "shop", True, 2),
    f"benmo://{CLUSTER}/reader/node-2": ClientIdentity(CLUSTER, "node-2", False),
}
WRONG = [
    f"benmo://cc/node/0/{MEMBER}",
    f"benmo://cc/node/02/{MEMBER}",
    "benmo://cc/node/2",
    "benmo://cc/node/2/",
    f"benmo://cc/node/2/{MEMBER}\n",
    f"benmo://cc/node/2/{MEMBER}/",
    f"benmo://cc/node/2/{MEMBER[1:]}",
    f"benmo://cc/node/2/{MEMBER}0",
    f"benmo://cc/node/2/{MEMBER.upper()}",
    f"benmo://cc/node//{MEMBER}",
    "benmo://cc/node/",
    "benmo://cc/payer/2",
    "benmo://cc/payer/Shop",
    "benmo://cc/payer/shop/0",
    "benmo://cc/payer/node/2/2",
    "benmo://cc/payer/../node/2",
    "benmo://cc/reader/",
    "benmo://cc/reader/books/2",
    f"benmo://cc/reader/{'b' * 33}",
    "benmo://cc/client/shop",
    f"benmo://CC/node/2/{MEMBER}",
    f"https://cc/node/2/{MEMBER}",
]


def named(*uris: str) -> Identity:
    return peer_identity({"subjectAltName": [("DNS", "h"), *(("URI", uri) for uri in uris)]})


@pytest.mark.parametrize("uri", IDENTITIES)
def test_a_certificate_names_a_node_or_a_client(uri: str) -> None:
    assert IDENTITIES[uri].uri == uri
    assert named(uri) == IDENTITIES[uri]


@pytest.mark.parametrize("uri", WRONG)
def test_nothing_else_is_a_name(uri: str) -> None:
    with pytest.raises(ProtocolError, match="names no node and no client"):
        named(uri)


def test_a_certificate_that_names_two_names_none() -> None:
    """Else one that is a client's here could be a node's there."""
    for uris in ([], [*IDENTITIES][:2], [next(iter(IDENTITIES))] * 2):
        with pytest.raises(ProtocolError):
            named(*uris)
    with pytest.raises(ProtocolError):
        peer_identity(None)


def test_a_client_may_never_command_and_may_pay_only_where_its_certificate_says() -> None:
    anywhere, at_two, nowhere = [*IDENTITIES.values()][1:]
    assert isinstance(anywhere, ClientIdentity)
    assert isinstance(at_two, ClientIdentity)
    assert isinstance(nowhere, ClientIdentity)
    assert [anywhere.right_at(node) for node in (1, 2)] == [Right.PAY, Right.PAY]
    assert [at_two.right_at(node) for node in (1, 2)] == [Right.READ, Right.PAY]
    assert [nowhere.right_at(node) for node in (1, 2)] == [Right.READ, Right.READ]


# A directory's own files.


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clusters' certificates: `own` and `foreign`, each with `ca`, nodes `1`, `2`, `shop`."""
    path = tmp_path_factory.mktemp("certificates")
    for whose, cluster in (("own", CLUSTER), ("foreign", "f" * 32)):
        authority = Authority.make(cluster)
        for name in ("ca", "1", "2", "shop"):
            (path / whose / name).mkdir(parents=True)
        authority.write(path / whose / "ca")
        authority.write_node(1, numbered_member(1), "127.0.0.1", path / whose / "1")
        authority.write_node(2, numbered_member(2), "host.example", path / whose / "2")
        (path / whose / "another member of 1").mkdir()
        authority.write_node(1, MEMBER, "127.0.0.1", path / whose / "another member of 1")
        authority.write_client("shop", True, 2, path / whose / "shop")
    return path


def test_files_that_belong_together_say_whose_they_are(written: Path) -> None:
    assert own_identity(written / "own" / "1") == NodeIdentity(CLUSTER, 1, numbered_member(1))
    assert own_identity(written / "own" / "shop") == ClientIdentity(CLUSTER, "shop", True, 2)
    found = require_node(written / "own" / "2", CLUSTER, 2)
    assert found == NodeIdentity(CLUSTER, 2, numbered_member(2))
    require_member(written / "own" / "2", found)


def take(name: str, place: str) -> Callable[[Path, Path], None]:
    """Take a file, or all, of another directory."""

    def change(tls: Path, written: Path) -> None:
        for each in [name] if name else os.listdir(written / place):
            shutil.copy(written / place / each, tls / each)

    return change


def damage(name: str, place: int | bytes) -> Callable[[Path, Path], None]:
    """Flip a bit of what a PEM file holds, at a position or where these bytes are."""

    def change(tls: Path, written: Path) -> None:
        first, *lines, last = (tls / name).read_text().splitlines()
        content = bytearray(base64.b64decode("".join(lines)))
        content[place if isinstance(place, int) else content.index(place)] ^= 1
        text = base64.encodebytes(bytes(content)).decode().strip()
        (tls / name).write_text(f"{first}\n{text}\n{last}\n")

    return change


def put(name: str, make: Callable[[Path], object]) -> Callable[[Path, Path], None]:
    def change(tls: Path, written: Path) -> None:
        (tls / name).unlink()
        make(tls / name)

    return change


DAMAGES: dict[str, tuple[Callable[[Path, Path], None], str, str]] = {
    "all of another node": (take("", "own/2"), CERTIFICATE, "of node 2 of cluster cccccccc, not"),
    "all of another member": (
        take("", "own/another member of 1"),
        CERTIFICATE,
        "it is of member 2a2a2a2a of node 1, not of 00000000",
    ),
    "all of a client": (take("", "own/shop"), CERTIFICATE, "of client shop of cluster ccc"),
    "all of another cluster": (take("", "foreign/1"), CERTIFICATE, "of cluster ffffffff, not of"),
    "another node's key": (take(KEY, "own/2"), KEY, "isn't the key of certificate.pem"),
    "another node's certificate": (take(CERTIFICATE, "own/2"), KEY, "isn't the key of"),
    "a foreign authority": (take(AUTHORITY, "foreign/1"), CERTIFICATE, "doesn't verify against"),
    "a damaged signature": (damage(CERTIFICATE, -1), CERTIFICATE, "doesn't verify against"),
    "a damaged name": (damage(CERTIFICATE, b"node/1"), CERTIFICATE, "doesn't verify against"),
    "a damaged key": (damage(KEY, 50), KEY, "it isn't the key of certificate.pem"),
    "a damaged authority": (damage(AUTHORITY, 4), AUTHORITY, "holds no certificate"),
    "no key": (put(KEY, lambda path: None), KEY, "can't be read: No such file"),
    "an empty key": (put(KEY, Path.touch), KEY, "holds no key"),
    "an empty certificate": (put(CERTIFICATE, Path.touch), CERTIFICATE, "holds no certificate"),
    "an empty authority": (put(AUTHORITY, Path.touch), AUTHORITY, "holds no certificate"),
    "a directory": (put(KEY, Path.mkdir), KEY, "can't be read: Is a directory"),
    "a pipe": (put(AUTHORITY, os.mkfifo), AUTHORITY, "can't be read: Not a regular file"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_files_that_do_not_fit_are_named(what: str, written: Path, tmp_path: Path) -> None:
    change, name, said = DAMAGES[what]
    tls = tmp_path / "tls"
    shutil.copytree(written / "own" / "1", tls)
    change(tls, written)
    with pytest.raises(StateError) as refused:
        require_member(tls, NodeIdentity(CLUSTER, 1, numbered_member(1)))
    text = str(refused.value)
    assert text.startswith(f"{tls / name}: it "), text
    assert said in text
    assert "\n" not in text


def test_a_certificate_with_a_flipped_bit_is_blamed_itself_and_not_its_key(
    written: Path, tmp_path: Path
) -> None:
    """Also where the bit is of its public key, which is then another one than the key's."""
    tls = tmp_path / "tls"
    shutil.copytree(written / "own" / "1", tls)
    certificate = (tls / CERTIFICATE).read_text()
    content_bytes = len(base64.b64decode("".join(certificate.splitlines()[1:-1])))
    for place in range(0, content_bytes, 11):
        (tls / CERTIFICATE).write_text(certificate)
        damage(CERTIFICATE, place)(tls, written)
        with pytest.raises(StateError) as refused:
            require_member(tls, NodeIdentity(CLUSTER, 1, numbered_member(1)))
        assert str(refused.value).startswith(f"{tls / CERTIFICATE}: it "), place


@pytest.mark.parametrize(
    "years", [(1970, 1971), (2000, 2001), (2400, 9999)], ids=["long ago", "past", "future"]
)
def test_no_certificate_expires(
    years: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate made for another time is to this clock what this one is to a wrong clock."""
    for name, year in zip(("_VALID_FROM", "_VALID_UNTIL"), years, strict=True):
        monkeypatch.setattr(made, name, datetime.datetime(year, 1, 1, tzinfo=datetime.UTC))
    Authority.make(CLUSTER).write_node(1, numbered_member(1), "127.0.0.1", tmp_path)
    assert own_identity(tmp_path) == NodeIdentity(CLUSTER, 1, numbered_member(1))


def test_certificates_are_valid_at_any_time_for_other_programs_too(written: Path) -> None:
    for name in (CERTIFICATE, AUTHORITY):
        found = x509.load_pem_x509_certificate((written / "own" / "1" / name).read_bytes())
        assert found.not_valid_before_utc.timestamp() == 0
        assert found.not_valid_after_utc.isoformat() == "9999-12-31T23:59:59+00:00"


# The authority.


def test_an_authority_that_was_loaded_makes_certificates_as_before(
    written: Path, tmp_path: Path
) -> None:
    Authority.load(CLUSTER, written / "own" / "ca").write_client("later", False, None, tmp_path)
    shutil.copy(written / "own" / "1" / AUTHORITY, tmp_path)
    assert own_identity(tmp_path) == ClientIdentity(CLUSTER, "later", False)


AUTHORITY_DAMAGES: dict[str, tuple[Callable[[Path, Path], None], str, str]] = {
    "another cluster's": (take("", "foreign/ca"), AUTHORITY, "not the authority of cluster ccc"),
    "another key": (take(KEY, "foreign/ca"), KEY, "isn't the key of authority.pem"),
    "no key": (put(KEY, lambda path: None), KEY, "can't be read: No such file"),
    "an empty key": (put(KEY, Path.touch), KEY, "holds no key"),
    "an empty certificate": (put(AUTHORITY, Path.touch), AUTHORITY, "holds no certificate"),
}


@pytest.mark.parametrize("what", AUTHORITY_DAMAGES)
def test_an_authority_that_cannot_be_used_is_named(
    what: str, written: Path, tmp_path: Path
) -> None:
    change, name, said = AUTHORITY_DAMAGES[what]
    shutil.copytree(written / "own" / "ca", tmp_path / "ca")
    change(tmp_path / "ca", written)
    with pytest.raises(StateError) as refused:
        Authority.load(CLUSTER, tmp_path / "ca")
    assert str(refused.value).startswith(str(tmp_path / "ca" / name))
    assert said in str(refused.value)
