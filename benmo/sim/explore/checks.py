"""What must not be in any state: see `benmo.sim.explore.search`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from benmo.paxos.messages import Accept
from benmo.paxos.types import Ballot, MemberId
from benmo.sim.checkers.history import Voters
from benmo.sim.explore.bounds import Actor
from benmo.sim.explore.system import Local, System, Vote, bits
from benmo.sim.violation import Finding


class Checks:
    """Checks the states of one system; what was found sound isn't looked at again."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._labels = [actor.label for actor in system.bounds.actors]
        self._sound: set[tuple[int, ...]] = set()
        self._confirmed: dict[tuple[object, ...], int | None] = {}

    def violation(self, locals_: list[Local], watched: int) -> Finding | None:
        """Find what is wrong in a state; `watched` are its votes and accept requests."""
        numbers = [local.chain for local in locals_]
        heights = tuple(local.confirmed_height for local in locals_)
        key = (watched, *heights, *numbers)
        if key in self._sound:
            return None
        wrong = (
            self._what_is_wrong(numbers, watched)
            or self._what_is_hidden(heights, watched)
            or self._what_is_missed(locals_)
        )
        if wrong is None:
            self._sound.add(key)
        return wrong

    def _what_is_wrong(self, numbers: list[int], watched: int) -> Finding | None:
        chains = [self._system.chains[number] for number in numbers]
        for (one, chain), (other, another) in combinations(
            zip(self._labels, chains, strict=True), 2
        ):
            for slot, (mine, theirs) in enumerate(zip(chain, another, strict=False), 1):
                if mine != theirs:
                    sentence = f"nodes {one} and {other} have different blocks in slot {slot}"
                    return Finding("agreement", sentence, "promise 3", slot=slot)
        letters = [self._system.letters[bit.bit_length() - 1] for bit in bits(watched)]
        votes = [letter for letter in letters if isinstance(letter, Vote)]
        chosen = _chosen(votes, self._system.voters[self._longest(numbers)])
        for slot, hashes in chosen.items():
            in_chains = {chain[slot - 1] for chain in chains if len(chain) >= slot}
            if len(hashes | in_chains) > 1:
                sentence = f"quorums have accepted different blocks for slot {slot}"
                return Finding("quorums", sentence, slot=slot)
        for actor, chain in zip(self._system.bounds.actors, chains, strict=True):
            for slot, block_hash in enumerate(chain, 1):
                if block_hash not in chosen.get(slot, ()):
                    sentence = f"node {actor.label} decided slot {slot} without a quorum"
                    return Finding("decisions", sentence, "rule P7", actor.node, slot)
        return _contradiction([each.message for each in letters if not isinstance(each, Vote)])

    def _longest(self, numbers: list[int]) -> int:
        return max(numbers, key=lambda number: len(self._system.chains[number]))

    def _what_is_hidden(self, heights: tuple[int, ...], watched: int) -> Finding | None:
        answers = dict(zip(self._system.bounds.actors, heights, strict=True))
        letters = [self._system.letters[bit.bit_length() - 1] for bit in bits(watched)]
        for vote in letters:
            if isinstance(vote, Vote) and answers[vote.actor] < vote.slot:
                answer = f"node {vote.actor.label} answers {answers[vote.actor]}"
                sentence = f"{answer}, and has accepted slot {vote.slot}"
                return Finding("linearizable", sentence, node=vote.actor.node, slot=vote.slot)
        return None

    def _what_is_missed(self, locals_: list[Local]) -> Finding | None:
        """Let each node ask how far the chain is, and each quorum answer at once."""
        longest = max(locals_, key=lambda local: len(local.moment.chain))
        decided = len(longest.moment.chain)
        for local in locals_:
            for answers in self._answers(local, locals_):
                most = max(answers.values())
                if most < decided:
                    confirmed = self._confirmed_height(local, answers, longest, most)
                    if confirmed is not None and confirmed < decided:
                        actor = local.moment.actor
                        what = f"node {actor.label} takes height {confirmed} for confirmed"
                        sentence = f"{what}, and slot {decided} is decided"
                        return Finding("linearizable", sentence, slot=decided)
        return None

    def _answers(self, local: Local, locals_: list[Local]) -> Iterator[dict[Actor, int]]:
        """The answers of each quorum of those whom this node asks, its own among them."""
        heights = {each.moment.actor: each.confirmed_height for each in locals_}
        voters = self._system.voters[local.chain][-1]
        own = local.moment.actor
        for quorum in voters.quorums([actor.member for actor in heights]):
            if own.member in quorum or not voters.is_voter(own.member):
                yield {actor: heights[actor] for actor in heights if actor.member in quorum}

    def _confirmed_height(
        self, local: Local, answers: dict[Actor, int], longest: Local, height: int
    ) -> int | None:
        key = (id(local), *answers.items(), longest.chain, height)
        if key not in self._confirmed:
            slots = range(len(local.moment.chain) + 1, height + 1)
            blocks = tuple(longest.moment.block(slot) for slot in slots)
            self._confirmed[key] = local.moment.confirmed_by(answers, blocks)
        return self._confirmed[key]


def _chosen(votes: list[Vote], voters: list[Voters]) -> dict[int, set[str]]:
    """Find, by slot, the hashes of the blocks that a quorum accepted in one ballot.

    Only the slots whose voters are known are looked at.
    """
    members: dict[tuple[int, Ballot, str], set[MemberId]] = {}
    for vote in votes:
        if vote.slot <= len(voters):
            members.setdefault((vote.slot, vote.ballot, vote.hash), set()).add(vote.actor.member)
    chosen: dict[int, set[str]] = {}
    for (slot, _, block_hash), accepted_by in members.items():
        if voters[slot - 1].has_quorum(accepted_by):
            chosen.setdefault(slot, set()).add(block_hash)
    return chosen


def _contradiction(messages: list[object]) -> Finding | None:
    proposed: dict[tuple[Ballot, int], str] = {}
    for message in messages:
        assert isinstance(message, Accept)
        proposal = message.proposal
        key = (proposal.ballot, proposal.slot)
        if proposed.setdefault(key, proposal.block.hash) != proposal.block.hash:
            ballot, slot = proposal.ballot, proposal.slot
            sentence = f"two blocks are proposed for slot {slot} in ballot {ballot}"
            return Finding("one value", sentence, "rule P6", ballot.node, slot, ballot)
    return None
