"""The loss of a majority of a cluster's disks, as far as the directories that are left can tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from benmo.admin.lost_queue import named, pay_again
from benmo.admin.surviving_chain import SurvivingChain, Survivor
from benmo.errors import Failure
from benmo.ledger.blocks import Block
from benmo.ledger.transfers import Run
from benmo.paxos.membership import Membership
from benmo.paxos.types import NodeId
from benmo.quorum import quorum_of

_HEAD_DIGITS = 12


def require_lost(found: SurvivingChain) -> None:
    """Raises `Failure` if all is whole that it takes to go on: nothing is lost then."""
    whole = _whole(found)
    membership = found.ledger.membership
    voting = [survivor for survivor in whole if _votes(survivor, membership)]
    if not _missing(found, whole):
        nodes = _listed(sorted({survivor.node for survivor in voting}))
        others = _paths(survivor for survivor in whole if survivor not in voting)
        needed = f" together with {others}" if _missing(found, voting) else ""
        raise Failure(
            f"the directories of nodes {nodes} are whole, a majority of {len(membership.nodes)}: "
            f"start them{needed}, and nothing is lost. benmo replace gives the others new members: "
            f"see docs/operating.md"
        )


def _missing(found: SurvivingChain, whole: list[Survivor]) -> int:
    """Count the whole directories that it takes besides these to go on; 0 if none.

    They decide each slot again that none of them holds, with a majority of those who vote for it: a
    block behind their chains may hold a change, of which they don't know yet.
    """
    members = found.ledger.membership.all
    height = found.ledger.height
    known = max((survivor.height for survivor in whole), default=0)
    begins = {known + 1, *(member.since for member in members)}
    begins |= {member.until + 1 for member in members if member.until is not None}
    ids = {survivor.member for survivor in whole}
    missing = 0
    for slot in begins:
        if known < slot <= height + 1:
            voters = {member.id for member in members if member.votes_for(slot)}
            missing = max(missing, quorum_of(len(voters)) - len(voters & ids))
    return missing


def report(found: SurvivingChain) -> str:
    """Say what was found, what is lost and what nobody can know, a line each."""
    return "\n".join((*_found(found), *_unknowable(found), *_accepted(found), *_waiting(found)))


def _whole(found: SurvivingChain) -> list[Survivor]:
    """The undamaged directories of members, past or present."""
    find = found.ledger.membership.find
    return [
        survivor
        for survivor in found.survivors
        if survivor.damage is None and survivor.member is not None and find(survivor.member)
    ]


def _votes(survivor: Survivor, membership: Membership) -> bool:
    return survivor.member is not None and membership.is_voter(survivor.member)


def _paths(survivors: Iterable[Survivor]) -> str:
    return " and ".join(str(survivor.path) for survivor in survivors)


def _found(found: SurvivingChain) -> Iterator[str]:
    longest, ledger = found.longest, found.ledger
    yield (
        f"The longest whole chain is that of {longest.path}: height {ledger.height}, "
        f"head {ledger.head[:_HEAD_DIGITS]}."
    )
    for survivor in found.survivors:
        if survivor.damage is not None:
            yield f"{survivor.path}: whole up to height {survivor.height}. {survivor.damage}"
        elif survivor is not longest:
            yield f"{survivor.path}: height {survivor.height}."


def _unknowable(found: SurvivingChain) -> Iterator[str]:
    height, membership = found.ledger.height, found.ledger.membership
    whole = {survivor.node for survivor in _whole(found) if _votes(survivor, membership)}
    lost = [node for node in membership.nodes if node not in whole]
    whose = f"node{'s' if len(lost) > 1 else ''} {_listed(lost)}" if lost else "retired members"
    yield f"Not here, or damaged: {whose}. What only these disks had, nobody can know:"
    yield f"- blocks that were decided, and shown as decided, after slot {height};"
    yield "- payments that waited in their queues to be decided."
    missing = _missing(found, _whole(found))
    directories = "directory is" if missing == 1 else "directories are"
    yield (
        f"Don't go on if {missing} more whole {directories} anywhere, running or not: then a "
        f"majority can start, and nothing is lost."
    )


def _accepted(found: SurvivingChain) -> Iterator[str]:
    """Name the blocks that are only accepted for the next slot: perhaps one was decided."""
    height = found.ledger.height
    accepted: dict[str, tuple[Block, list[str]]] = {}
    for survivor in found.survivors:
        proposal = None if survivor.state is None else survivor.state.accepted
        if proposal is not None and proposal.slot == height + 1:
            block = proposal.block
            assert isinstance(block, Block)
            accepted.setdefault(block.hash, (block, []))[1].append(str(survivor.path))
    for block, paths in accepted.values():
        yield (
            f"Accepted for slot {height + 1}, by {' and '.join(paths)}, and perhaps decided: "
            f"{_content(block)}. The new cluster goes on without it."
        )


def _waiting(found: SurvivingChain) -> Iterator[str]:
    """Name the payments that waited in the queues that are left, and are lost from now on."""
    ledger = found.ledger
    queues: dict[NodeId, Run] = {}
    for survivor in found.survivors:
        if survivor.state is not None and _votes(survivor, ledger.membership):
            run = survivor.state.queue.since(ledger.last[survivor.node] + 1)
            if len(run) >= len(queues.get(survivor.node, ())):
                queues[survivor.node] = run
    runs = [run for _, run in sorted(queues.items()) if len(run)]
    if runs:
        names = ", ".join(chain.from_iterable(map(named, runs)))
        keyed = next((run for run in runs if any(run.key)), runs[0])
        yield f"Waited to be decided here, and is lost: {names}. {pay_again(keyed)}."
        yield "Their ids, and those of payments in lost queues, may be given out again, for others."
    else:
        yield "The ids of payments in lost queues may be given out again, for others."
    yield "Whoever pays again under the same key, where there was one, pays once."


def _content(block: Block) -> str:
    if block.runs:
        return _ids(block.runs)
    assert block.change is not None
    return f"a change, to {block.change.kind} node {block.change.node}"


def _ids(runs: Iterable[Run]) -> str:
    """The ids of all transfers of some runs."""
    names = (
        f"{run.debit}-{run.first}" + (f" to {run.debit}-{run.end - 1}" if len(run) > 1 else "")
        for run in runs
    )
    return ", ".join(names)


def _listed(nodes: list[NodeId]) -> str:
    """The nodes in words: "1, 4 and 5"."""
    *others, last = map(str, nodes)
    return f"{', '.join(others)} and {last}" if others else last
