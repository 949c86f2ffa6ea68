"""Every decided transfer is exported once, as it is; what isn't sound isn't exported."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benmo.cli import main
from benmo.cluster import StateDirectory
from benmo.ledger.blocks import Block, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.types import Ballot, Change, ChangeKind
from benmo.storage.disk import Disk
from benmo.storage.node_storage import CHAIN
from tests.support.verified_state import PAYMENTS, rewrite
from tests.support.written_state import chain_of, content, empty_state, write_first, write_node
from tests.support.written_storage import BALANCES, Writer, every_kind_of_line, three_blocks_on

needs_hledger = pytest.mark.skipif(
    shutil.which("hledger") is None, reason="hledger is not installed"
)

MEMOS = (
    "",
    "lunch",
    "half; half | more",
    "; nothing but a comment",
    "line\nbreak\tand a bell\a",
    "* ! (code) 2026-01-01=2026-02-02",
    r"back\slash and \u003B",
    "two  spaces, = 5 @ 3 {4} [2026-01-01]",
    " leading and trailing ",
    '"quoted", naïve, 日本語, 👍',
    "bidi \u202e text",
    "tag: value, date:2020-01-01",
)


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    """Give a cluster of three whose nodes have no files yet."""
    return empty_state(tmp_path / "state")


def run_export(state: StateDirectory, form: str, *options: str) -> Result:
    arguments = ["--format", form, "--state-dir", str(state.path), *options]
    return CliRunner().invoke(main, ["export", *arguments])


def exported(state: StateDirectory, form: str, *options: str) -> str:
    result = run_export(state, form, *options)
    assert result.exit_code == 0, result.output
    return result.stdout


def exported_json(state: StateDirectory, *options: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in exported(state, "json", *options).splitlines()]


def with_memos() -> list[Block]:
    """A chain in which node 1 pays once for each memo, with keys, and others without."""
    count = len(MEMOS)
    keys = tuple(f"key-{number}" for number in range(count))
    memos = Run(1, 1, (2,) * count, (1,) * count, MEMOS, keys)
    return chain_of(PAYMENTS[1], memos, Run(3, 1, (1,), (7,)))


# JSON.


def test_json_has_a_line_for_each_transfer_with_its_outcome(state: StateDirectory) -> None:
    write_first(state, three_blocks_on)
    first, *others = exported_json(state)
    assert first == {
        "slot": 1,
        "time": 1001.0,
        "id": "2-1",
        "debit_node": 2,
        "credit_node": 3,
        "amount": 7,
        "outcome": "applied",
    }
    assert [(each["slot"], each["id"], each["outcome"]) for each in others] == [
        (2, "3-1", "applied"),
        (2, "3-2", "applied"),
        (2, "2-9", "skipped"),
        (2, "3-3", "refused"),
        (3, "1-1", "applied"),
    ]


def test_json_has_memos_and_keys_as_they_were_written(state: StateDirectory) -> None:
    write_node(state, 1, with_memos(), checkpoint_height=2)
    own = [each for each in exported_json(state) if each["debit_node"] == 1]
    assert [each.get("memo", "") for each in own] == list(MEMOS)
    assert [each["key"] for each in own] == [f"key-{number}" for number in range(len(MEMOS))]
    assert all("memo" not in each for each in exported_json(state) if each["debit_node"] != 1)


# CSV.


def test_csv_says_what_json_says(state: StateDirectory) -> None:
    write_node(state, 1, with_memos(), checkpoint_height=2)
    rows = list(csv.DictReader(io.StringIO(exported(state, "csv"), newline="")))
    named = [{"memo": "", "key": "", "change": "", **each} for each in exported_json(state)]
    assert [set(row) for row in rows] == [set(each) for each in named]
    assert rows == [{name: str(cell) for name, cell in each.items()} for each in named]


def test_no_cell_of_csv_is_a_formula(state: StateDirectory) -> None:
    memos, keys = ("=1+1", "rent", "＝1"), ("+key", "-", "@x")
    write_node(state, 1, chain_of(Run(1, 1, (2,) * 3, (1,) * 3, memos, keys)), checkpoint_height=1)
    rows = list(csv.DictReader(io.StringIO(exported(state, "csv"), newline="")))
    assert [row["memo"] for row in rows] == ["'=1+1", "rent", "'＝1"]
    assert [row["key"] for row in rows] == ["'+key", "'-", "'@x"]
    assert [each["memo"] for each in exported_json(state)] == list(memos)


# hledger.


def hledger(journal: str, *command: str) -> str:
    ended = subprocess.run(
        ["hledger", "-f", "-", *command],
        input=journal.encode(),
        capture_output=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout.decode()


def balances_in(journal: str) -> dict[int, int]:
    """What each node has, as hledger adds it up."""
    rows = list(csv.reader(io.StringIO(hledger(journal, "bal", "-E", "-O", "csv"))))
    accounts = {account: int(held) for account, held in rows[1:]}
    assert accounts.pop("total") == 0
    assert accounts.pop("equity:opening") == -sum(BALANCES.values())
    return {int(account.removeprefix("assets:node-")): held for account, held in accounts.items()}


@needs_hledger
@pytest.mark.parametrize("write", [three_blocks_on, every_kind_of_line])
def test_hledger_comes_to_the_same_balances(
    state: StateDirectory, write: Callable[[Disk], Writer]
) -> None:
    ledger = Ledger(BALANCES)
    for block in write_first(state, write):
        ledger.apply(block)
    journal = exported(state, "hledger")
    assert balances_in(journal) == ledger.balances
    hledger(journal, "check", "--strict")


@needs_hledger
def test_hledger_reads_any_memo_as_a_description(state: StateDirectory) -> None:
    write_node(state, 1, with_memos())
    journal = exported(state, "hledger")
    hledger(journal, "check", "--strict")
    assert balances_in(journal) == {1: 100 + 1 + 7 - len(MEMOS), 2: 94 + len(MEMOS), 3: 98}
    found = json.loads(hledger(journal, "print", "-O", "json"))
    described = {each["tdescription"]: each for each in found}
    assert len(found) == len(described) == 1 + 2 + len(MEMOS) + 1
    assert "1-2 lunch" in described
    assert r"1-3 half\u003B half \u007C more" in described
    assert r"1-5 line\u000Abreak\u0009and a bell\u0007" in described
    assert r"1-7 back\\slash and \\u003B" in described
    assert all(not (each["tcode"] or each["tcomment"].strip()) for each in found)


@needs_hledger
def test_hledger_gets_the_opening_balances_of_an_empty_chain(state: StateDirectory) -> None:
    write_node(state, 1, [])
    journal = exported(state, "hledger")
    assert "1970-01-01 opening balances" in journal
    assert balances_in(journal) == BALANCES


def write_changes(state: StateDirectory) -> Ledger:
    """Write a chain in which node 4 is added and removed, the second time without effect."""
    ledger = Ledger(BALANCES)
    changes = [
        Change(ChangeKind.ADD, 4, "", "a" * 32, "h", 1),
        None,
        Change(ChangeKind.REMOVE, 4, "a" * 32),
        Change(ChangeKind.REMOVE, 4, "a" * 32),
    ]
    blocks = []
    for slot, (runs, change) in enumerate(
        zip(
            (
                (Run(1, 1, (2,), (5,)),),
                (Run(1, 2, (4,), (7,)),),
                (Run(4, 1, (1,), (7,)),),
                (),
            ),
            changes,
            strict=True,
        ),
        1,
    ):
        blocks.append(encode_block(slot, Ballot(slot, 1), ledger.head, 1.79e9, runs, change))
        assert not ledger.apply(blocks[-1]).refused
    write_node(state, 1, blocks)
    return ledger


@needs_hledger
def test_hledger_knows_the_accounts_of_nodes_that_came_later(state: StateDirectory) -> None:
    """Also where they are gone by now: hledger wants each account declared."""
    ledger = write_changes(state)
    journal = exported(state, "hledger")
    hledger(journal, "check", "--strict")
    assert balances_in(journal) == {1: 95, 2: 105, 3: 100, 4: 0}
    assert ledger.balances == {1: 95, 2: 105, 3: 100}


def test_changes_of_the_members_are_exported_behind_their_blocks_transfers(
    state: StateDirectory,
) -> None:
    write_changes(state)
    lines = exported_json(state)
    assert [each.get("id") for each in lines] == ["1-1", None, "1-2", "4-1", None, None]
    added = {"kind": "add", "node": 4, "outcome": "applied", "member": "a" * 32}
    assert lines[1] == {"slot": 1, "time": 1.79e9, "change": {**added, "host": "h", "port": 1}}
    assert [each["change"]["outcome"] for each in lines[-2:]] == ["applied", "refused"]
    rows = list(csv.DictReader(io.StringIO(exported(state, "csv"), newline="")))
    told = ["node 4 was added", "node 4 was removed", "the change had no effect: remove node 4"]
    assert [row["change"] for row in rows if row["id"] == ""] == told
    assert [row["slot"] for row in rows if row["change"]] == ["1", "3", "4"]
    comments = [line for line in exported(state, "hledger").splitlines() if line.startswith(";")]
    slots = zip((1, 3, 4), told, strict=True)
    assert comments == [f"; 2026-09-21 slot {slot}: {what}" for slot, what in slots]


@pytest.mark.parametrize(
    ("time_s", "day"),
    [
        (1_790_000_000.0, "2026-09-21"),
        (-1.0, "1970-01-01"),
        (1e300, "9999-12-31"),
        (0.0, "1970-01-01"),
    ],
)
def test_a_transaction_is_of_its_blocks_day(state: StateDirectory, time_s: float, day: str) -> None:
    write_node(state, 1, chain_of(PAYMENTS[0], time=time_s))
    assert exported(state, "hledger").count(f"\n{day} ") == 2


def test_what_moved_no_money_is_a_comment_for_hledger(state: StateDirectory) -> None:
    write_first(state, three_blocks_on)
    lines = exported(state, "hledger").splitlines()
    assert "; 1970-01-01 refused: 3-3 (1000 from node 3 to node 1)" in lines
    assert "; 1970-01-01 skipped: 2-9 (1 from node 2 to node 1)" in lines


# Which node's files.


def test_the_node_with_most_blocks_is_exported(state: StateDirectory) -> None:
    blocks = chain_of(*PAYMENTS)
    write_node(state, 1, blocks[:2], checkpoint_height=2)
    write_node(state, 2, blocks)
    assert len(exported_json(state)) == 4
    assert len(exported_json(state, "--node", "1")) == 3


def test_a_node_whose_checkpoint_is_damaged_is_passed_over_and_named(
    state: StateDirectory,
) -> None:
    blocks = chain_of(*PAYMENTS)
    write_node(state, 1, blocks, checkpoint_height=3)
    write_node(state, 2, blocks[:2])
    (state.node(1) / "checkpoint.json").write_bytes(b"{}\n")
    result = run_export(state, "json")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 3)
    assert f"not used: {state.node(1) / 'checkpoint.json'}:1: " in result.stderr


def test_a_node_that_is_not_there_is_refused_in_one_line(state: StateDirectory) -> None:
    write_node(state, 1, [])
    for node in ("2", "9"):
        result = run_export(state, "json", "--node", node)
        assert (result.exit_code, result.stdout) == (1, "")
        assert len(result.stderr.splitlines()) == 1


# Damage, and files.


def damaged_state(state: StateDirectory) -> None:
    write_node(state, 1, chain_of(*PAYMENTS), checkpoint_height=3)
    rewrite(state.node(1) / CHAIN, lambda lines: [lines[0], lines[2], lines[1]])


def test_damage_ends_the_export_with_its_file_and_line(state: StateDirectory) -> None:
    damaged_state(state)
    result = run_export(state, "json")
    assert result.exit_code == 1
    assert f"{state.node(1) / CHAIN}:2: " in result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_a_damaged_chain_replaces_no_file(state: StateDirectory, tmp_path: Path) -> None:
    damaged_state(state)
    target = tmp_path / "out" / "ledger.csv"
    target.parent.mkdir()
    target.write_text("yesterday's")
    assert run_export(state, "csv", "-o", str(target)).exit_code == 1
    assert target.read_text() == "yesterday's"
    assert list(target.parent.iterdir()) == [target]


def test_a_file_gets_what_standard_output_would(state: StateDirectory, tmp_path: Path) -> None:
    write_node(state, 1, with_memos(), checkpoint_height=1)
    before = content(state.path)
    for form in ("json", "csv", "hledger"):
        target = tmp_path / form
        assert exported(state, form, "-o", str(target)) == ""
        assert target.read_bytes() == run_export(state, form).stdout_bytes
    assert content(state.path) == before
