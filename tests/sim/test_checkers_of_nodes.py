"""The checkers of what a node holds, and of what must come about, fire and are silent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benmo.engine.events import Submitted
from benmo.ledger.transfers import Payments, Run
from benmo.paxos.messages import Promise
from benmo.sim.checkers.bounded import Bounded
from benmo.sim.checkers.liveness import Liveness
from benmo.sim.checkers.replay import Replay
from benmo.sim.machine import Machine
from benmo.sim.violation import Violation
from tests.sim.test_checkers import (
    BALLOT,
    FACTS,
    ONE,
    QUIET,
    TWO,
    a_run,
    an_answer,
    fires,
    new_machines,
    of,
)

# What a node holds.


def test_replay_compares_a_node_with_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    machines = new_machines()
    checker, machine = Replay(FACTS, machines.values()), machines[2]
    checker.at_end(of(checker.machines, 1, 2, 3))
    assert machine.engine is not None
    machine.engine.ledger.last[1] = 7
    with fires("replay: node 2's files lead to .*, it itself is at "):
        checker.at_end(of(checker.machines, 1, 2, 3))
    with fires("replay: node 2"):
        for _ in range(32):
            checker.after_turn(machine, QUIET)
    machine.disk.flip_bit("checkpoint.json", 200)
    with fires("node 2's files can't be read: .*checkpoint.json"):
        checker.at_end(of(checker.machines, 2))
    machine.is_damaged = True
    checker.at_end(of(checker.machines, 1, 2, 3))
    monkeypatch.setattr(Machine, "whole_chain", lambda self: [])
    with fires(r"node 1's files hold the slots \[\]"):
        checker.at_end(of(checker.machines, 1))


def _keep(machine: Machine, what: str) -> None:
    engine, storage = machine.engine, machine.storage
    assert engine is not None and storage is not None
    long = Run(1, 2, (2,) * 21, (1,) * 21)
    match what:
        case "journal":
            storage._journal_bytes = 3001
        case "queue":
            engine.queue._own = long
        case "promises":
            engine.replica.leader.promises = dict.fromkeys("abcd", Promise(BALLOT, 0, None))
        case "forwarded":
            engine.queue._forwarded[2] = long
        case "files":
            for number in range(4):
                machine.disk.append(f"{number}", b"")


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("journal", "bounded: node 1's journal has 3001 bytes after a turn"),
        ("queue", "node 1 queues 21 transfers"),
        ("promises", "node 1 counts 4 promises"),
        ("forwarded", "node 1 keeps 21 transfers that a peer forwarded"),
        ("files", "node 1 keeps the files .*'0', '1'"),
    ],
)
def test_bounded_looks_at_all_that_grows(what: str, sentence: str) -> None:
    machines = new_machines()
    checker = Bounded(FACTS, machines.values())
    checker.after_turn(machines[1], QUIET)
    _keep(machines[1], what)
    with fires(sentence):
        checker.after_turn(machines[1], QUIET)


# Liveness.


def _stop(checker: Liveness) -> None:
    of(checker.machines, 1)[0].die(is_power_cut=False)


def _fill(checker: Liveness) -> None:
    _keep(of(checker.machines, 1)[0], "queue")


def _fall_behind(checker: Liveness) -> None:
    engine = of(checker.machines, 1)[0].engine
    assert engine is not None
    engine.ledger.height = 0


def _lose(checker: Liveness) -> None:
    checker.on_turn(of(checker.machines, 1)[0], an_answer(1, a_run(1, 1, (2, 10), (2, 5))))
    checker.on_decided(of(checker.machines, 1)[0], ONE)


def _be_silent(checker: Liveness) -> None:
    checker.on_submitted(of(checker.machines, 1)[0], Submitted(7, Payments.of((2, 1))))


@pytest.mark.parametrize(
    ("go_wrong", "sentence"),
    [
        (_stop, "node 1 doesn't start"),
        (_fill, "node 1 still waits for 21 transfers"),
        (_fall_behind, "the chains' heights are {1: 0, 2: 1, 3: 1}"),
        (_lose, "what was queued is not decided: 1-2"),
        (_be_silent, "node 1 leaves somebody without an answer"),
    ],
)
def test_liveness_says_what_is_missing(go_wrong: Callable[[Liveness], None], sentence: str) -> None:
    checker = Liveness(FACTS, new_machines().values())
    checker.at_end(of(checker.machines, 1, 2, 3))
    go_wrong(checker)
    assert checker.why_not(of(checker.machines, 1, 2, 3)) == sentence
    checker.at_end(of(checker.machines, 2, 3))
    with pytest.raises(Violation) as caught:
        checker.at_end(of(checker.machines, 1, 2, 3))
    assert str(caught.value) == f"liveness: {sentence}, long after all faults ended: promise 7"


def test_liveness_wants_what_was_shown_as_decided_to_be_found_again() -> None:
    checker = Liveness(FACTS, new_machines().values())
    checker.on_decided(of(checker.machines, 1)[0], ONE)
    assert not checker.why_not(of(checker.machines, 1, 2, 3))
    checker.history.add(ONE)
    checker.on_decided(of(checker.machines, 1)[0], TWO)
    sentence = "slot 2, which was shown as decided, is in nobody's chain"
    assert checker.why_not(of(checker.machines, 1, 2, 3)) == sentence
    assert checker.why_not(of(checker.machines, 2, 3)) == sentence


def test_liveness_forgives_a_node_that_died_before_it_answered() -> None:
    checker = Liveness(FACTS, new_machines().values())
    _be_silent(checker)
    checker.on_death(of(checker.machines, 2)[0])
    assert checker.why_not(of(checker.machines, 1, 2, 3))
    checker.on_death(of(checker.machines, 1)[0])
    assert not checker.why_not(of(checker.machines, 1, 2, 3))
    _be_silent(checker)
    checker.on_turn(of(checker.machines, 1)[0], an_answer(7, None, "no"))
    assert not checker.why_not(of(checker.machines, 1, 2, 3))
