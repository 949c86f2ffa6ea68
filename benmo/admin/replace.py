"""`benmo replace`: gives a node whose disk or machine is lost a new member, on an empty disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from benmo.admin.addresses import is_loopback
from benmo.admin.changing import (
    address_options,
    asked_elsewhere,
    begun_member,
    change_cluster,
    chosen_address,
    how_to_start,
    keep_addresses,
    node_argument,
)
from benmo.admin.deciding import decide, require_quorum
from benmo.admin.desk import Desk, Survey
from benmo.admin.lost_queue import OldQueue
from benmo.admin.new_member import NewMember, StillRuns
from benmo.admin.remains import count
from benmo.cluster import NodeAddress
from benmo.commands.node_status import MemberStatus
from benmo.errors import Failure
from benmo.options import state_dir_option
from benmo.paxos.types import Change, ChangeKind, NodeId


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@node_argument
@address_options
@click.option("--yes", is_flag=True, help="Replace a node that is up, too.")
@state_dir_option
def main(node: int, host: str | None, port: int | None, yes: bool, state_dir: Path) -> None:
    """Replace node N, whose disk or machine is lost: make a new directory that may vote.

    The running nodes decide that; a majority of them must be up, without node N. The node keeps its
    number and its money, and listens where it did, unless --host or --port say otherwise. This
    needs the cluster's ca/, so it is done where the cluster was made. After an interruption, type
    the same again.
    """

    wishes = Wishes(host, port, is_up_too=yes)

    async def work(desk: Desk, survey: Survey) -> str:
        done = await replace_node(desk, survey, node, wishes)
        text = f"{done.text}.\n{how_to_start(desk, done.address)}"
        warning = f"\n{done.warning}." if done.warning else ""
        return f"{text}{warning}{asked_elsewhere(desk, done.address, host, port)}"

    change_cluster(state_dir, work)


@dataclass(frozen=True, slots=True)
class Wishes:
    """The user's choices for the replacement of a node.

    host, port  where the new member listens; None for where the old one did
    is_up_too   whether a node that is up and votes is replaced, too
    has_bar     whether a bar on standard error shows how far it is
    """

    host: str | None = None
    port: int | None = None
    is_up_too: bool = False
    has_bar: bool = True


@dataclass(frozen=True, slots=True)
class Replaced:
    """A node whose new member is decided, and whose directory is in its place, to be started.

    address  where it is to listen
    since    the first slot in which it votes
    text     what was done, without a full stop
    warning  what to heed when it is started; may be empty
    """

    address: NodeAddress
    since: int
    text: str
    warning: str = ""


async def replace_node(desk: Desk, survey: Survey, node: NodeId, wishes: Wishes) -> Replaced:
    """Have a new member decided in the place of a node's own, and make its directory at the desk.

    Goes on with what a run before has begun. Raises `Failure` if that can't be or isn't wished for;
    `StillRuns` if it is decided, but the old directory's process runs on.
    """
    new = NewMember(desk.state, desk.cluster, node)
    begun = begun_member(new, survey)
    if begun is None:
        old = survey.voter(node)
        if not wishes.is_up_too:
            _require_down(survey, new, old)
            if new.unused == old.member:
                return _unused(desk, survey, old)
        return await _replaced(desk, survey, new, old, wishes)
    (old,) = (
        each for each in survey.members if each.node == node and each.ordinal == begun.ordinal - 1
    )
    change = Change(ChangeKind.REPLACE, node, old.member, begun.member, begun.host, begun.port)
    survey = await decide(desk, survey, change, wishes.has_bar)
    return _finish(desk, survey, new, old, _queue(survey, new, old))


def _require_down(survey: Survey, new: NewMember, old: MemberStatus) -> None:
    """Raises `Failure` if the node that is to be replaced is up and votes."""
    node = new.node
    if node not in survey.up:
        return
    if is_loopback(old.host) and not new.directory.exists():
        raise Failure(
            f"node {node} still runs, but its directory, {new.directory}, is gone: stop the node, "
            f"then type the same again"
        )
    waiting = max(0, _queue(survey, new, old).last - _decided(survey, node))
    queued = f" ({count(waiting, 'transfer')} now)" if waiting else ""
    raise Failure(
        f"node {node} is up and votes: --yes replaces it all the same, and what waits in its "
        f"queue{queued} is lost. benmo move takes a node elsewhere without loss"
    )


def _unused(desk: Desk, survey: Survey, old: MemberStatus) -> Replaced:
    """Say that the directory that is here will do, as it does if a run before was interrupted."""
    keep_addresses(desk, survey)
    return Replaced(
        NodeAddress(old.node, old.host, old.port),
        old.since,
        f"node {old.node}'s member {old.member[:8]} votes since slot {old.since}, and "
        f"{desk.state.node(old.node)} has never run here",
        "If it has run on another machine and is lost there, don't: --yes replaces it",
    )


async def _replaced(
    desk: Desk, survey: Survey, new: NewMember, old: MemberStatus, wishes: Wishes
) -> Replaced:
    """Have a new member decided in the place of the old one, and put its directory there."""
    node = old.node
    default = NodeAddress(node, old.host, old.port)
    address = chosen_address(survey, node, wishes.host, wishes.port, default)
    require_quorum(survey, Change(ChangeKind.REPLACE, node, old.member))
    member = new.begin(desk.authority, address.host)
    change = Change(ChangeKind.REPLACE, node, old.member, member, address.host, address.port)
    queue = _queue(survey, new, old)
    survey = await decide(desk, survey, change, wishes.has_bar)
    return _finish(desk, survey, new, old, queue)


def _finish(
    desk: Desk, survey: Survey, new: NewMember, old: MemberStatus, queue: OldQueue
) -> Replaced:
    """Put the new directory in its place, and say what is lost."""
    node = old.node
    now = survey.voter(node)
    keep_addresses(desk, survey)
    decided = (
        f"decided in slot {now.since - 1}: node {node}'s member {now.member[:8]} votes from slot "
        f"{now.since} on, in the place of {old.member[:8]}"
    )
    last = _decided(survey, node)
    lost = queue.lost_text(last)
    try:
        retired = new.put_in_place(old.member)
    except StillRuns as error:
        raise StillRuns(error.directory, f"{decided}.\n{lost}") from error
    if retired is not None:
        decided += f".\n{queue.old_directory(retired, last)}"
    return Replaced(NodeAddress(node, now.host, now.port), now.since, f"{decided}.\n{lost}")


def _decided(survey: Survey, node: NodeId) -> int:
    """The number of the node's last decided transfer."""
    return dict(survey.latest.decided).get(node, 0)


def _queue(survey: Survey, new: NewMember, old: MemberStatus) -> OldQueue:
    """Gather what is known of the old member's queue, here and at the nodes that are up."""
    said = [
        waiting.end - 1
        for answer in survey.answers.values()
        for waiting in answer.waiting
        if waiting.node == new.node
    ]
    return new.old_queue(old.member, max(said, default=0))
