"""`benmo export`: writes all decided transfers and changes of the members, for other programs.

They come from one node's files; where no node's files are, from a running node.

The chain is verified as it is read, block by block, so memory doesn't grow with it.
"""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TextIO

import click
import msgspec

from benmo.admin.founding import founded_ledger
from benmo.admin.progress import Progress
from benmo.admin.remote_chain import RemoteChain
from benmo.cluster import Cluster, StateDirectory
from benmo.commands.block_table import ShownChange, change_sentence, shown_change
from benmo.commands.fitting import print_error
from benmo.commands.spreadsheets import as_cell
from benmo.commands.times import utc
from benmo.errors import StateError
from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Transfer
from benmo.ledger.visible_text import escaped
from benmo.options import NODE, state_dir_option, write_utf_8
from benmo.paxos.types import ChangeKind, NodeId
from benmo.storage.lines import DamagedLine
from benmo.storage.node_files import Damage, NodeFiles, read_line, require_outcomes
from benmo.typed_json import to_json

_HLEDGER_SIGNS = str.maketrans({";": r"\u003B", "|": r"\u007C"})
"""Signs that would end a description, or split a description in two, and what stands for each."""


class _Exported(msgspec.Struct, frozen=True, omit_defaults=True):
    """A transfer as JSON and CSV show it; the fields are in the order of CSV's columns."""

    slot: int
    time: float
    id: str
    debit_node: NodeId
    credit_node: NodeId
    amount: int
    outcome: Outcome
    memo: str = ""
    key: str = ""


class _ExportedChange(msgspec.Struct, frozen=True):
    """A change of the membership as JSON shows it."""

    slot: int
    time: float
    change: ShownChange


def _exported(applied: AppliedBlock) -> Iterator[_Exported]:
    block = applied.block
    for transfer, outcome in applied.outcomes():
        yield _Exported(
            block.slot,
            block.time,
            transfer.id,
            transfer.debit_node,
            transfer.credit_node,
            transfer.amount,
            outcome,
            transfer.memo,
            transfer.key,
        )


def _change_in(block: AppliedBlock) -> ShownChange | None:
    change = block.block.change
    return None if change is None else shown_change(change, block.is_change_void)


def as_json(blocks: Iterable[AppliedBlock], _balances: Mapping[NodeId, int]) -> Iterator[str]:
    """One JSON object per transfer or change, each on a line; what there is none of is left out."""
    for applied in blocks:
        yield "".join(f"{to_json(each)}\n" for each in _exported(applied))
        change = _change_in(applied)
        if change is not None:
            yield f"{to_json(_ExportedChange(applied.block.slot, applied.block.time, change))}\n"


def as_csv(blocks: Iterable[AppliedBlock], _balances: Mapping[NodeId, int]) -> Iterator[str]:
    """One row per transfer or change, below headers; no text is a spreadsheet's formula."""
    yield _csv_rows([(*_Exported.__struct_fields__, "change")])
    for applied in blocks:
        yield _csv_rows(
            (*msgspec.structs.astuple(each)[:-2], as_cell(each.memo), as_cell(each.key), "")
            for each in _exported(applied)
        )
        change = _change_in(applied)
        if change is not None:
            slot, time = applied.block.slot, applied.block.time
            sentence = as_cell(change_sentence(change))
            yield _csv_rows([(slot, time, *[""] * 4, change.outcome, "", "", sentence)])


def _csv_rows(rows: Iterable[tuple[object, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def as_hledger(blocks: Iterable[AppliedBlock], balances: Mapping[NodeId, int]) -> Iterator[str]:
    """A journal for hledger: declarations, opening balances, one transaction per applied transfer.

    Refused and skipped transfers move no money, and are comments; so are changes of the membership.
    """
    is_open, declared = False, set(balances)
    for applied in blocks:
        if not is_open:
            yield _hledger_opening(balances, applied.block.time)
            is_open = True
        change = applied.block.change
        if change is not None and change.kind is ChangeKind.ADD and change.node not in declared:
            declared.add(change.node)
            yield f"\naccount {_account(change.node)}\n"
        yield "".join(_hledger_transfer(applied))
        yield _hledger_change(applied)
    if not is_open:
        yield _hledger_opening(balances, 0)


def _hledger_opening(balances: Mapping[NodeId, int], time_s: float) -> str:
    accounts = [*map(_account, balances), "equity:opening"]
    declared = "".join(f"account {account}\n" for account in accounts)
    postings = "".join(f"    {_account(node)}  {held}\n" for node, held in balances.items())
    total = -sum(balances.values())
    return (
        f"commodity 1000.\n{declared}\n"
        f"{_date(time_s)} opening balances\n{postings}    equity:opening  {total}\n"
    )


def _hledger_transfer(applied: AppliedBlock) -> Iterator[str]:
    date = _date(applied.block.time)
    for transfer, outcome in applied.outcomes():
        if outcome is Outcome.APPLIED:
            debit, credit = _account(transfer.debit_node), _account(transfer.credit_node)
            yield (
                f"\n{date} {_description(transfer)}\n"
                f"    {debit}  {-transfer.amount}\n    {credit}  {transfer.amount}\n"
            )
        else:
            yield f"\n; {date} {outcome}: {transfer}\n"


def _hledger_change(applied: AppliedBlock) -> str:
    """A comment that says what a block changed in the membership; empty if it changed nothing."""
    change = _change_in(applied)
    if change is None:
        return ""
    sentence = escaped(change_sentence(change))
    return f"\n; {_date(applied.block.time)} slot {applied.block.slot}: {sentence}\n"


def _account(node: NodeId) -> str:
    return f"assets:node-{node}"


def _description(transfer: Transfer) -> str:
    memo = escaped(transfer.memo).translate(_HLEDGER_SIGNS)
    return f"{transfer.id} {memo}".rstrip()


def _date(time_s: float) -> str:
    """The day of a block's time, in UTC."""
    return f"{utc(time_s):%Y-%m-%d}"


Form = Callable[[Iterable[AppliedBlock], Mapping[NodeId, int]], Iterator[str]]

FORMS: Mapping[str, Form] = {"json": as_json, "csv": as_csv, "hledger": as_hledger}


def decided(
    files: NodeFiles, ledger: Ledger, advance: Callable[[int], None]
) -> Iterator[AppliedBlock]:
    """All blocks that a node knows as decided, in order. Raises `Damage`.

    The blocks are applied to `ledger`, with which the cluster began. `advance` is called with the
    length of each line of the chain file that is done, in bytes.
    """
    for slot, line in enumerate(files.chain_lines(), 1):
        try:
            written = read_line(line, ledger)
            require_outcomes(written, ledger.apply(written.block))
        except DamagedLine as error:
            raise Damage(files.chain_path, slot, str(error)) from error
        advance(len(line) + 1)
        yield written
    files.require_checkpoint(ledger)
    for _, applied in files.tail().blocks:
        yield applied


def highest(state: StateDirectory, cluster: Cluster) -> NodeFiles:
    """The files of the node with the greatest height. Raises `StateError` if none can be read."""
    found: list[tuple[int, NodeFiles]] = []
    damages: list[Damage] = []
    for node in cluster.ids:
        if state.has_lived(node):
            try:
                files = NodeFiles(state.node(node), cluster.cluster, node, cluster.founders.ids)
                found.append((files.checkpoint.height + len(files.tail().blocks), files))
            except Damage as error:
                damages.append(error)
    if not found:
        raise (
            damages[0]
            if damages
            else StateError(
                f"{state.path} holds neither files of a node nor a certificate to ask one with: "
                f"there is nothing to export"
            )
        )
    for damage in damages:
        print_error(f"benmo: not used: {damage}")
    return max(found, key=lambda pair: pair[0])[1]


@contextmanager
def _output_to(path: Path | None) -> Iterator[TextIO]:
    """Standard output, or a new file that takes the place of `path` once the export is whole."""
    if path is None:
        write_utf_8()
        yield sys.stdout
        return
    try:
        with _new_file(path) as file:
            yield file
    except OSError as error:
        raise StateError(f"{path} can't be written: {error.strerror}") from error


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    if path.exists() and not path.is_file():
        with open(path, "w", encoding="utf-8", newline="") as file:
            yield file
        return
    target = Path(os.path.realpath(path))
    new = target.with_name(f"{target.name}.new")
    try:
        with open(new, "w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(new, target)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(new)


@click.command()
@click.option(
    "--format",
    "output_format",
    type=click.Choice(list(FORMS)),
    required=True,
    help="The form of the output.",
)
@click.option(
    "--node",
    "node_id",
    type=NODE,
    help="The node whose chain is read.  [default: the one with the longest]",
)
@state_dir_option
@click.option(
    "-o",
    "output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write, instead of standard output.",
)
def export(
    output_format: str, node_id: NodeId | None, state_dir: Path, output: Path | None
) -> None:
    """Write all decided transfers and changes of the members, from one node's files.

    The node may run. Where no node's files are, a running node is asked, with its certificate or a
    client's.

    json: one object per line. csv: one row per transfer or change. hledger: a journal with the
    nodes' balances. The chain is verified on the way; if it is damaged, the exit status is 1, and
    no FILE is written.
    """
    state = StateDirectory(state_dir)
    cluster = state.load()
    write = partial(_write, FORMS[output_format], cluster, output)
    if _is_elsewhere(state, cluster, node_id):
        with RemoteChain(state, cluster, node_id) as chain:
            write(chain.decided, chain.height, step=max(1, chain.height // 200))
        return
    if node_id is None:
        files = highest(state, cluster)
    else:
        if not state.node(node_id).is_dir():
            state.load_with(node_id)  # says which nodes there are
            raise StateError(
                f"{state.path} holds neither files of node {node_id} nor a certificate to ask it "
                f"with: there is nothing to export"
            )
        files = NodeFiles(state.node(node_id), cluster.cluster, node_id, cluster.founders.ids)
    write(partial(decided, files), files.checkpoint.chain_bytes)


def _is_elsewhere(state: StateDirectory, cluster: Cluster, node: NodeId | None) -> bool:
    """Whether the files are on other machines, and a certificate to ask a node with is here."""
    nodes = cluster.ids if node is None else (node,)
    is_here = any(state.has_lived(each) for each in nodes)
    return not is_here and any(state.credentials(each) is not None for each in nodes)


def _write(
    form: Form,
    cluster: Cluster,
    output: Path | None,
    read: Callable[[Ledger, Callable[[int], None]], Iterable[AppliedBlock]],
    total: int,
    **steps: int,
) -> None:
    """Write what `read` gives of a chain, called with the cluster's first ledger and `advance`."""
    ledger = founded_ledger(cluster)
    balances = dict(ledger.balances)
    is_file = output is not None or not sys.stdout.isatty()
    with Progress("exporting", total, is_file, **steps) as progress, _output_to(output) as file:
        for part in form(read(ledger, progress.advance), balances):
            file.write(part)
        file.flush()
