"""What the documents tell a reader to type does what they say, line by line."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from trials.planted_table import BEGIN, END

from benmo.ledger.blocks import decode_block
from benmo.sim.planted import PLANTED
from benmo.storage.journal import decode_line
from benmo.storage.lines import checksum
from tests.support.documents import (
    Change,
    Fence,
    ShownLine,
    Way,
    documents,
    fences,
    links,
    paths,
    shown_lines,
    text_of,
    way_of,
)
from tests.support.machines import DOCUMENT as MACHINES
from tests.support.processes import ROOT
from tests.support.reader import Reader
from tests.support.real_cluster import RealCluster

KINDS = {
    "sh": "typed by a reader: each line is run",
    "demo": "typed at the demo's prompt",
    "play": "typed at the prompt of benmo play, with its answers: tests/play/test_document.py",
    "python": "a program",
    "json": "what Benmo writes",
    "ini": "a file of systemd's",
    "": "what is seen on a screen, or a drawing",
}

ONE_TEST = Change(r"test\.py.*", "test.py -q -n 0 tests/paxos/test_types.py", "else it runs itself")
FEW_SEEDS = Change(r"--seeds \d+", "--seeds 3", "the others are run by tests/sim")
FEW_FORKS = Change(r"$", " --seeds 20", "more are run by those who look for the earliest fork")
SHORT_RECORD = Change(r"--seconds \d+", "--seconds 1", "tests/whole/test_record.py waits for more")
FIRST_RECORDS = Change(
    r"gz \d+ ", "gz 5 ", "a run of a second holds little more than its beginning"
)
FEW_STATES = Change(r"$", " --states-max 2000", "the others are explored by tests/sim")
SHORT_BENCH = Change(
    r"$",
    " --seconds 0.1 --runs 1 --nodes 3 --batch 100",
    "else it takes minutes; tests/whole/test_bench.py measures all there is",
)
FEW_CHANGES = Change(
    r"--times \d+", "--times 1 --rate 100", "more of them are in tests/scripts/test_torture.py"
)
FEW_KILLS = Change(r"--kills \d+", "--kills 2", "more of them are in tests/scripts/test_torture.py")

PROGRAMS = [each for each in fences() if each.kind == "python" and each.document != MACHINES]
"""Those that `tests/whole/test_machines.py` doesn't run."""

WAYS: tuple[Way[Reader], ...] = (
    Way(r"source \.venv/bin/activate", Reader.runs),
    Way(r"python3 scripts/initialize\.py.*", Reader.runs_elsewhere),
    Way(r"(python3 scripts/demo\.py|benmo demo)( --.*)?", Reader.prompts_demo),
    Way(r"printf .* \| (python3 scripts/demo\.py|benmo demo).*", Reader.feeds_demo_by_line),
    Way(r"printf .* \| python -m benmo\.node [1-5].*", Reader.feeds_node),
    Way(r"python -m benmo\.node [1-5] --headless.*", Reader.runs_node),
    Way(r"python -m benmo\.node [1-5]", Reader.prompts_node),
    Way(r"benmo attach [1-5]", Reader.prompts_attached),
    Way(r"benmo attach [1-5] -e .*", Reader.prints),
    Way(r"benmo (status|verify)", Reader.prints),
    Way(r"benmo export --format (json|csv|hledger)", Reader.prints),
    Way(r"benmo record --seconds \d+", Reader.prints, (SHORT_RECORD,)),
    Way(r"benmo watch", Reader.watches),
    Way(r"benmo page run\.jsonl\.gz", Reader.prints_of_a_run),
    Way(r"benmo note run\.jsonl\.gz .*", Reader.prints_of_a_run, (FIRST_RECORDS,)),
    Way(r"benmo page duel\.jsonl\.gz", Reader.makes_played_page),
    Way(r"benmo play( \S+\.txt| --page)?", Reader.prompts_play),
    Way(r'benmo play \S+\.txt -e "record \S+"', Reader.prints),
    Way(r"jq .*", Reader.reads_files),
    Way(r"python3 scripts/test\.py.*", Reader.runs_tests, (ONE_TEST,)),
    Way(r"benmo simulate --seeds \d+", Reader.prints, (FEW_SEEDS,)),
    Way(r"benmo simulate --seed \d+( --trace \S+)?", Reader.prints),
    Way(r"benmo simulate --plant \S+", Reader.finds),
    Way(r"benmo simulate --plant \S+ --to-the-fork", Reader.finds, (FEW_FORKS,)),
    Way(r"benmo bench.*", Reader.prints, (SHORT_BENCH,)),
    Way(r"benmo explore", Reader.stops_early, (FEW_STATES,)),
    Way(r"python3 scripts/planted_table\.py", Reader.prints_first_row),
    Way(r"python3 scripts/torture\.py --kills .*", Reader.prints, (FEW_KILLS,)),
    Way(r"python3 scripts/(replacements|resizing)\.py --times .*", Reader.prints, (FEW_CHANGES,)),
)

LINES = {line.text: line for line in reversed(shown_lines()) if line.document != MACHINES}
"""Each once, where it is shown first."""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    directory = tmp_path_factory.mktemp("reader")
    with RealCluster(directory, 5) as cluster:
        cluster.start()
        yield Reader(cluster)


@pytest.mark.parametrize("line", list(LINES.values())[::-1], ids=str)
def test_a_line_that_a_document_shows_does_what_it_should(line: ShownLine, reader: Reader) -> None:
    way = way_of(line, WAYS)
    program = line.text.split()[0]
    if program == "jq" and shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    way.go(reader, line.text)


@pytest.mark.parametrize("fence", PROGRAMS, ids=str)
def test_a_program_that_a_document_shows_pays(fence: Fence, reader: Reader) -> None:
    assert "is decided in slot" in reader.runs_program(fence.text)


def test_a_line_that_no_way_knows_is_named() -> None:
    line = ShownLine("docs/new.md", 7, "benmo fly --high")
    with pytest.raises(AssertionError, match=r"docs/new.md:7: benmo fly --high\nNo test runs"):
        way_of(line, WAYS)


@pytest.mark.parametrize("fence", fences(), ids=str)
def test_a_block_is_of_a_kind_that_somebody_checks(fence: Fence) -> None:
    assert fence.kind in KINDS, f"{fence}: what is a block of kind {fence.kind!r}?"


def test_the_readme_leads_to_every_document() -> None:
    read = {"README.md"}
    while True:
        reached = {
            os.path.normpath(Path(document).parent / target)
            for document in read
            for target in links(document)
            if target.endswith(".md")
        }
        if reached <= read:
            break
        read |= reached
    assert set(documents()) - read == set()


@pytest.mark.parametrize("document", documents())
def test_what_a_document_points_to_is_there(document: str) -> None:
    beside = [(ROOT / document).parent / target for target in links(document)]
    named = [ROOT / path for path in paths(document)]
    assert [str(path) for path in (*beside, *named) if not path.exists()] == []


# The protocol.

PROTOCOL = "docs/protocol.md"


def test_the_journal_that_is_shown_is_one() -> None:
    """Each line's checksum continues the one before; the block's hash is the one decided."""
    (fence,) = [fence for fence in fences(PROTOCOL) if fence.kind == "json"]
    lines = [line.encode() for line in fence.lines]
    previous = checksum(lines[0])
    for line in lines[1:]:
        decode_line(line, previous)
        previous = checksum(line)
    kinds = [json.loads(line)["type"] for line in lines]
    assert kinds == ["open", "queue", "promise", "accept", "decide"]
    block = lines[3][lines[3].index(b'"block":') + len(b'"block":') : -1]
    assert json.loads(lines[4])["hash"] == decode_block(block).hash


def test_each_mistake_that_is_to_be_planted_can_be_and_is_found_by_the_command() -> None:
    table = text_of("docs/simulator.md").split(BEGIN)[1].split(END)[0]
    needed = {name: int(seeds) for name, seeds in re.findall(r"\| `(\S+)`.*?\| (\d+) \|", table)}
    shown = re.findall(r"benmo simulate --plant (\S+?)(?: --seeds (\d+))?`", text_of(PROTOCOL))
    assert len(shown) >= 10
    for name, seeds in shown:
        assert name in PLANTED
        assert needed[name] <= int(seeds or 100), f"{name} takes {needed[name]} seeds"


def test_the_demo_does_what_the_exercises_tell_it_to(reader: Reader) -> None:
    """All of them, one after the other; each mends what it broke."""
    blocks = [fence for fence in fences(PROTOCOL) if fence.kind == "demo"]
    assert len(blocks) >= 5
    reader.feeds_demo("".join(fence.text for fence in blocks))
