"""The end of a run or a search: a broken promise."""

from __future__ import annotations


class Violation(Exception):
    """A broken promise: the checker that found it, and one sentence about it."""

    def __init__(self, checker: str, sentence: str) -> None:
        super().__init__(f"{checker}: {sentence}")
        self.checker = checker
        self.sentence = sentence
