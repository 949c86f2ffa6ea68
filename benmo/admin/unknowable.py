"""What is lost with a majority of a cluster's disks, as far as what is left can tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benmo.admin.surviving_chain import SurvivingChain, Survivor
from benmo.errors import Failure
from benmo.ledger.blocks import Block
from benmo.ledger.transfers import Run
from benmo.paxos.types import NodeId

_HEAD_DIGITS = 12


def require_lost(found: SurvivingChain) -> None:
    """Raises `Failure` if a majority of the members' directories is whole: nothing is lost then."""
    membership = found.ledger.membership
    whole = {survivor.member: survivor.node for survivor in _whole(found)}
    if membership.has_quorum([member for member in whole if member is not None]):
        nodes = _listed(sorted(whole.values()))
        raise Failure(
            f"the directories of nodes {nodes} are whole, a majority of {len(membership.nodes)}: "
            f"start them, and nothing is lost. benmo replace gives the others new members: see "
            f"docs/operating.md"
        )


def report(found: SurvivingChain) -> str:
    """What was found, and what is lost and what nobody can know, a line each."""
    return "\n".join((*_found(found), *_unknowable(found), *_accepted(found), *_waiting(found)))


def _whole(found: SurvivingChain) -> list[Survivor]:
    """The undamaged directories of members that vote."""
    is_voter = found.ledger.membership.is_voter
    return [
        survivor
        for survivor in found.survivors
        if survivor.damage is None and survivor.member is not None and is_voter(survivor.member)
    ]


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
    height = found.ledger.height
    whole = {survivor.node for survivor in _whole(found)}
    membership = found.ledger.membership
    lost = [node for node in membership.nodes if node not in whole]
    whose = f"node{'s' if len(lost) > 1 else ''} {_listed(lost)}"
    yield f"Not here, or damaged: {whose}. What only these disks had, nobody can know:"
    yield f"- blocks that were decided, and shown as decided, after slot {height};"
    yield "- payments that waited in their queues to be decided."
    missing = membership.quorum - len(whole)
    directories = "directory is" if missing == 1 else "directories are"
    yield (
        f"Don't go on if {missing} more whole {directories} anywhere, running or not: then a "
        f"majority can start, and nothing is lost."
    )


def _accepted(found: SurvivingChain) -> Iterator[str]:
    """What is only accepted for the next slot, by a minority: perhaps it was decided."""
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
    """What waited in the queues that are left, and is void from now on."""
    ledger = found.ledger
    queues: dict[NodeId, Run] = {}
    for survivor in found.survivors:
        is_voter = survivor.member is not None and ledger.membership.is_voter(survivor.member)
        if survivor.state is not None and is_voter:
            run = survivor.state.queue.since(ledger.last[survivor.node] + 1)
            if len(run) >= len(queues.get(survivor.node, ())):
                queues[survivor.node] = run
    runs = [run for _, run in sorted(queues.items()) if len(run)]
    if runs:
        yield f"Waited to be decided here, and is void: {_ids(runs)}."
    yield "Whoever pays again under the same key pays once."


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
