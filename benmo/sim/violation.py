"""The end of a run or a search: a broken rule, or a broken promise."""

from __future__ import annotations

from dataclasses import dataclass

from benmo.paxos.types import Ballot, NodeId


@dataclass(frozen=True, slots=True)
class Finding:
    """What a checker found: one sentence, and the rule that was broken, where it has a name.

    `rule` is `rule A1` for a rule of docs/protocol.md, `promise 3` for a promise of README.md.
    `node`, `slot` and `ballot` are what the sentence is about; None where it is about none.
    """

    checker: str
    sentence: str
    rule: str = ""
    node: NodeId | None = None
    slot: int | None = None
    ballot: Ballot | None = None

    def __str__(self) -> str:
        return f"{self.checker}: {self.sentence}{f': {self.rule}' if self.rule else ''}"

    def is_like(self, other: Finding) -> bool:
        """Whether the same checker found that the same rule was broken."""
        return (self.checker, self.rule) == (other.checker, other.rule)


class Violation(Exception):
    """Ends a run or a search: a finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


class Fork(Violation):
    """Two nodes decided different blocks for one slot."""
