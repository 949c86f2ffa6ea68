"""The desk: asks all nodes about the members, and has a change of them decided.

The cluster's authority is here, so the desk makes the certificates that it asks with, and removes
them when it is done. No node's directory is needed.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from benmo.admin.authority import Authority
from benmo.admin.making import write_cluster
from benmo.admin.node_reading import answer_of
from benmo.cluster import StateDirectory
from benmo.commands.node_status import MemberStatus
from benmo.control.connection import NodeGone
from benmo.control.member_requests import ChangeDecided, MembersRead, ProposeChange
from benmo.control.places import NodePlaces, ask_members, connect_at
from benmo.control.requests import BalancesRead, Hurry, NotDone, ReadBalances
from benmo.errors import Failure
from benmo.ledger.blocks import change_body
from benmo.paxos.types import Change, ChangeKind, MemberId, NodeId

ANSWER_S = 5.0
"""The time limit, in seconds, of asking a node who the members are."""


TOO_FEW_UP = "Start the others first; docs/operating.md says what to do about lost disks"
"""The advice where too few nodes are up for a change."""


@dataclass(frozen=True)
class Survey:
    """The answers of the nodes that answered, and the members by the longest of their chains."""

    answers: Mapping[NodeId, MembersRead]

    @property
    def latest(self) -> MembersRead:
        """The answer of a node with the longest chain."""
        return max(self.answers.values(), key=lambda answer: answer.height)

    @property
    def height(self) -> int:
        return self.latest.height

    @property
    def members(self) -> tuple[MemberStatus, ...]:
        return self.latest.members

    @property
    def voters(self) -> dict[NodeId, MemberStatus]:
        """The members that vote, by their nodes, in the order of the nodes' ids."""
        voting = [each for each in self.members if each.until is None]
        return {each.node: each for each in sorted(voting, key=lambda each: each.node)}

    @property
    def up(self) -> set[NodeId]:
        """The nodes whose voting member answers."""
        return {node for node, voter in self.voters.items() if self.is_up(node, voter.member)}

    def is_up(self, node: NodeId, member: MemberId) -> bool:
        """Whether this member of the node answers."""
        answer = self.answers.get(node)
        return answer is not None and answer.member == member

    def voter(self, node: NodeId) -> MemberStatus:
        """The node's member that votes. Raises `Failure` if there is none."""
        if node not in self.voters:
            nodes = ", ".join(map(str, self.voters))
            raise Failure(f"there is no node {node}: nodes {nodes} vote")
        return self.voters[node]

    def find(self, member: MemberId) -> MemberStatus | None:
        """The member with this id, which may be retired; None if no node that answers knows it."""
        return _find(self.members, member)

    def is_in_force(self, change: Change) -> bool:
        """Whether the longest chain has this change, or what it led to."""
        return _is_in_force(self.members, change)

    def knowing(self, change: Change) -> int:
        """Count the voters that have the block with this change in their chains."""
        return sum(_is_in_force(self.answers[node].members, change) for node in self.up)


def _find(members: tuple[MemberStatus, ...], member: MemberId) -> MemberStatus | None:
    return next((each for each in members if each.member == member), None)


def _is_in_force(members: tuple[MemberStatus, ...], change: Change) -> bool:
    if change.kind is ChangeKind.REMOVE:
        removed = _find(members, change.replaces)
        return removed is not None and removed.until is not None
    found = _find(members, change.member)
    if found is None or change.kind is not ChangeKind.MOVE:
        return found is not None
    is_there = (found.host, found.port) == (change.host, change.port)
    return is_there and found.moved_in > change.moved_in


class Desk:
    """A state directory that has the cluster's `ca/`. A context, at whose end its keys are gone.

    Raises `StateError` if the authority isn't here.
    """

    def __init__(self, state: StateDirectory) -> None:
        self.state = state
        self.cluster = state.load()
        self.authority = Authority.load(self.cluster.cluster, state.authority)
        self._places = NodePlaces(self.cluster)

    def __enter__(self) -> Desk:
        self.__exit__()  # what a run that was killed has left
        self.state.desk.mkdir(mode=0o700)
        self._reader = StateDirectory(self.state.desk / "reader")
        self._reader.client_tls.mkdir(parents=True, mode=0o700)
        self.authority.write_client("desk", False, None, self._reader.client_tls)
        self._write_places(self._reader)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.state.desk, ignore_errors=True)

    async def survey(self) -> Survey:
        """Ask all nodes at once who the members are; those, too, that the answers name.

        Raises `Failure` if no node answers.
        """
        survey = Survey(await self._ask_all())
        if survey.answers and self._learn(survey):
            survey = Survey(await self._ask_all())
        if not survey.answers:
            raise Failure(
                f"no node answers at {', '.join(map(str, self.cluster.addresses))}: "
                f"a majority of the nodes must be up. {TOO_FEW_UP}"
            )
        return survey

    async def balance(self, survey: Survey, node: NodeId) -> int:
        """The balance of a node, as a node with the longest chain says; 0 if it has no account.

        Raises `Failure` if that node doesn't answer.
        """
        asked = max(survey.answers, key=lambda each: survey.answers[each].height)
        places = self._places.of(asked)
        connection = await connect_at(self._reader, asked, places, ANSWER_S)
        try:
            request = ReadBalances(connection.next_number(), False, 0, ANSWER_S)
            read = await answer_of(connection, request, BalancesRead, ANSWER_S)
        finally:
            connection.abort()
        return dict(read.balances).get(node, 0)

    async def ask(self, survey: Survey, node: NodeId, change: Change, wait_s: float) -> str:
        """Have a node propose a change, and wait `wait_s` seconds; why it isn't decided, or "".

        Raises `Failure` if the node says that the change would have no effect, and as one of its
        kinds `NotReached` or `NodeGone`.
        """
        state = self._directory_of(node, survey.answers[node].member)
        connection = await connect_at(state, node, self._places.of(node), ANSWER_S)
        try:
            request = ProposeChange(connection.next_number(), change_body(change), wait_s)
            asked = asyncio.ensure_future(connection.ask(request, wait_s + ANSWER_S))
            await asyncio.sleep(0)  # the change must be there first
            connection.tell(Hurry())
            answer = await asked
        except TimeoutError as error:
            raise NodeGone(f"node {node} does not answer") from error
        finally:
            connection.abort()
        if isinstance(answer, NotDone):
            raise Failure(answer.reason)
        return answer.reason if isinstance(answer, ChangeDecided) else ""

    async def _ask_all(self) -> dict[NodeId, MembersRead]:
        nodes = self._places.nodes
        answers = await asyncio.gather(
            *(ask_members(self._reader, each, self._places.of(each), ANSWER_S) for each in nodes)
        )
        said = zip(nodes, answers, strict=True)
        return {node: answer for node, answer in said if answer is not None}

    def _learn(self, survey: Survey) -> bool:
        """Learn from the chain where nodes are; whether there is a place that wasn't asked yet."""
        is_new = self._places.learn(survey.members)
        if is_new:
            self._write_places(self._reader)
        return is_new

    def _directory_of(self, node: NodeId, member: MemberId) -> StateDirectory:
        """A directory with a certificate to command this member of a node with."""
        state = StateDirectory(self.state.desk / member)
        if not state.path.exists():
            state.tls(node).mkdir(parents=True, mode=0o700)
            self.authority.write_node(node, member, self._places.of(node)[0].host, state.tls(node))
        self._write_places(state)
        return state

    def _write_places(self, state: StateDirectory) -> None:
        write_cluster(state, replace(self.cluster, known=self._places.first()))
