"""What ends a run or a search: a promise that is broken."""

from __future__ import annotations


class Violation(Exception):
    """A promise is broken: which checker found it, and how, in one sentence."""

    def __init__(self, checker: str, sentence: str) -> None:
        super().__init__(f"{checker}: {sentence}")
        self.checker = checker
        self.sentence = sentence
