"""Text that the terminal can't show is written as an escape, and documents keep their bytes."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benmo.client import Client
from tests.support.processes import BENMO, INITIALIZE, NODE, environment
from tests.support.real_cluster import RealCluster, free_ports
from tests.support.terminals import is_above_prompt

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LOCALES = {
    "ascii": ASCII,
    "ascii for standard files": {"PYTHONIOENCODING": "ascii"},
    "latin-1 for standard files": {"PYTHONIOENCODING": "latin-1"},
}
MEMO = "✓ ä"
SHOWN = {
    "ascii": b"\\u2713 \\xe4",
    "ascii for standard files": b"\\u2713 \\xe4",
    "latin-1 for standard files": b"\\u2713 \xe4",
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Nodes 2 and 3 of three run; node 2 has paid node 1, which knows it, with a memo."""
    with RealCluster(tmp_path_factory.mktemp("locales"), 3) as made:
        made.start(2, 3)
        with Client(2, state_dir=made.state) as client:
            client.transfer(1, to=1, memo=MEMO, timeout_s=120)
        made.start(1)
        made.until(1, "printBalance", lambda answer: answer["height"] == 1)
        made.signal(1, signal.SIGTERM)
        assert made.ended(1) == 0
        yield made


def run(locale: dict[str, str], *command: str, typed: bytes = b"") -> bytes:
    """Standard output of a program that must end well, and write no error."""
    ended = subprocess.run(
        command,
        input=typed,
        capture_output=True,
        timeout=180,
        env=environment(**locale),
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b""), ended
    return ended.stdout


@pytest.mark.parametrize("name", LOCALES)
def test_a_memo_of_another_node_is_shown_as_an_escape(name: str, cluster: RealCluster) -> None:
    attach = (*BENMO, "attach", "2", "-e", "printBlockchain", *cluster.state_option)
    assert SHOWN[name] in run(LOCALES[name], *attach)


@pytest.mark.parametrize("name", LOCALES)
def test_a_memo_does_not_end_a_node(name: str, cluster: RealCluster) -> None:
    typed = b"printBlockchain\nprintBalance\n"
    shown = run(LOCALES[name], *NODE, "1", *cluster.state_option, typed=typed)
    assert SHOWN[name] in shown and b"node 1 has 101" in shown


@pytest.mark.parametrize("name", LOCALES)
def test_documents_are_utf_8(name: str, cluster: RealCluster) -> None:
    where = cluster.state_option
    attach = (*BENMO, "attach", "2", "-e", "printBlockchain", "--format", "json", *where)
    answer = json.loads(run(LOCALES[name], *attach).decode())
    assert answer[0]["transfers"][0]["memo"] == MEMO
    exported = run(LOCALES[name], *BENMO, "export", "--format", "json", *where).decode()
    assert json.loads(exported)["memo"] == MEMO
    rows = run(LOCALES[name], *BENMO, "export", "--format", "csv", *where).decode()
    assert [row["memo"] for row in csv.DictReader(io.StringIO(rows))] == [MEMO]


@pytest.mark.parametrize("name", LOCALES)
def test_paths_that_are_no_text(name: str, tmp_path: Path) -> None:
    state = os.fsdecode(os.fsencode(tmp_path) + b"/st\xc3\xa4te\xff")
    locale = LOCALES[name]
    with free_ports(1) as port:
        options = ("--nodes", "1", "--port", str(port), "--election-delay", "0")
        run(locale, *INITIALIZE, *options, "--state-dir", state)
    where = ("--state-dir", state)
    typed = b"printBalance\n"
    assert b"node 1 has 100" in run(locale, *NODE, "1", *where, typed=typed)
    assert b"sound" in run(locale, *BENMO, "verify", state)
    os.truncate(Path(state, "node-1", "checkpoint.json"), 9)
    told = subprocess.run(
        [*BENMO, "verify", "--format", "json", state],
        capture_output=True,
        timeout=180,
        env=environment(**locale),
        check=False,
    )
    damage = json.loads(told.stdout)[0]["damage"]
    assert told.returncode == 1
    assert "te\udcff" in damage["file"]


@pytest.mark.parametrize("name", LOCALES)
@pytest.mark.parametrize("program", ["attach", "node"])
def test_a_prompt_shows_escapes(program: str, name: str, cluster: RealCluster) -> None:
    command = (*BENMO, "attach", "2") if program == "attach" else (*NODE, "1")
    terminal = cluster.terminal(*command, **LOCALES[name])
    terminal.wait_for("quorum: yes")
    terminal.enter("printBlockchain")
    terminal.wait_for(is_above_prompt(r"\u2713 "))
    terminal.type("\x04")
    assert terminal.wait_exit() == 0
    assert b"\\u2713" in terminal.raw and MEMO.encode() not in terminal.raw
