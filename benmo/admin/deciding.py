"""Has a change of the membership decided: asks the nodes again and again until it is.

Asking is safe at any time and any number of times: a change names the members that it is about, so
that a doubled or late one does nothing.
"""

from __future__ import annotations

import asyncio

from benmo.admin.desk import TOO_FEW_UP, Desk, Survey
from benmo.admin.progress import Waiting
from benmo.control.connection import NodeGone, NotReached
from benmo.errors import Failure
from benmo.paxos.types import Change, ChangeKind, NodeId
from benmo.quorum import quorum_of
from benmo.wording import many

_ASK_S = 5.0
"""The time limit of asking one node: until the change is decided."""
_NEXT_AFTER_S = 3.0
"""The wait before the next node is asked, too. All at once would be rivals for the lead."""
_PAUSE_S = 0.3


def require_quorum(survey: Survey, change: Change) -> None:
    """Raises `Failure`, with the count, if a change might leave the cluster without a quorum.

    A majority must be up both of the members before the change and of those after it.
    """
    before, up = set(survey.voters), survey.up
    needed = quorum_of(len(before))
    if change.kind is not ChangeKind.REPLACE and len(up) < needed:
        raise Failure(
            f"{len(up)} of {len(before)} nodes {_are(len(up))} up; {needed} must be, "
            f"for a change to be decided. {TOO_FEW_UP}"
        )
    after, still_up = before - {change.node}, up - {change.node}
    if survey.is_up(change.node, change.member):
        still_up = still_up | {change.node}
    if change.kind is not ChangeKind.REMOVE:
        after |= {change.node}
    needed = quorum_of(len(after))
    if len(still_up) < needed:
        raise Failure(_too_few(change, len(still_up), len(before), len(after), needed))


def _too_few(change: Change, up: int, before: int, after: int, needed: int) -> str:
    if change.kind is ChangeKind.ADD:
        return (
            f"{up} of {before} nodes {_are(up)} up; with node {change.node} there are {after}, "
            f"and {needed} must be up even before it starts. {TOO_FEW_UP}"
        )
    return (
        f"{up} of {before} nodes {_are(up)} up besides node {change.node}; {needed} must be. "
        f"{TOO_FEW_UP}"
    )


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


async def decide(desk: Desk, survey: Survey, change: Change, has_bar: bool = True) -> Survey:
    """Have a change decided, and wait until a majority of the new members know that; their answers.

    Waits as long as it takes. Raises `Failure` if the change would have no effect, or, before
    anybody was asked, as `require_quorum`. With `has_bar`, standard error shows what is waited for.
    """
    if not survey.is_in_force(change):
        require_quorum(survey, change)
    with Waiting(f"node {change.node}: {change.kind}", has_bar) as bar:
        while not survey.is_in_force(change):
            await _ask_in_turn(desk, survey, change, bar)
            survey = await _survey_after_pause(desk, survey)
        while (known := survey.knowing(change)) < (needed := quorum_of(len(survey.voters))):
            bar.show(f"decided; {known} of {needed} nodes that must know it do")
            survey = await _survey_after_pause(desk, survey)
    return survey


async def _ask_in_turn(desk: Desk, survey: Survey, change: Change, bar: Waiting) -> None:
    """Ask node after node, until the first that was asked has the change decided, or none has.

    Those that were asked before go on with it. Raises as `_ask`.
    """
    nodes = sorted(survey.up)
    asked: set[asyncio.Task[str]] = set()
    try:
        for number, node in enumerate(nodes, 1):
            asked.add(asyncio.create_task(_ask(desk, survey, node, change)))
            bar.show(f"{many(nodes[:number])} asked to have it decided")
            if await _is_decided(asked, bar, _NEXT_AFTER_S):
                return
        await _is_decided(asked, bar, None)
    finally:
        for each in asked:
            each.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def _is_decided(asked: set[asyncio.Task[str]], bar: Waiting, timeout_s: float | None) -> bool:
    """Wait for the first node that has the change decided; False if none has, or in time.

    Shows what the others say, and drops them from `asked`.
    """
    try:
        async with asyncio.timeout(timeout_s):
            while asked:
                done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                for each in done:
                    if not each.result():
                        return True
                    bar.show(f"not decided yet: {each.result()}")
                asked.difference_update(done)
    except TimeoutError:
        pass
    return False


async def _ask(desk: Desk, survey: Survey, node: NodeId, change: Change) -> str:
    """Ask one node; why the change isn't decided yet. Raises `Failure` if it would do nothing."""
    try:
        return await desk.ask(survey, node, change, _ASK_S)
    except (NotReached, NodeGone) as error:
        return str(error)
    except Failure:
        now = await desk.survey()
        if now.is_in_force(change):
            return ""
        if now.answers.get(node) is None or now.answers[node].height < now.height:
            return f"node {node} is behind"
        raise


async def _survey_after_pause(desk: Desk, before: Survey) -> Survey:
    """Ask all nodes again; as long as none answers, what they said before."""
    await asyncio.sleep(_PAUSE_S)
    try:
        return await desk.survey()
    except Failure:
        return before
