"""What the documents tell a reader to type does what they say."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from benmo.commands import COMMANDS
from tests.support.real_cluster import RealCluster

ROOT = Path(__file__).resolve().parents[2]


def _shell_lines(document: str, program: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / document).read_text(), re.S)
    return [line for block in blocks for line in block.splitlines() if line.startswith(program)]


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_the_state_is_readable_with_jq_as_the_document_says(tmp_path: Path) -> None:
    with RealCluster(tmp_path, 3, election_delay="0-0.1") as cluster:
        cluster.start()
        cluster.ask(1, "moneyTransfer 5,1,2")
        assert cluster.ask(1, "wait 60")["outcome"] == "decided"
        lines = _shell_lines("docs/state.md", "jq")
        assert len(lines) >= 3
        shown = [_output(line, cluster.directory) for line in lines if "journal" in line]
        assert all(shown), "the journal of a running node shows promises and blocks"
        cluster.kill(*cluster.nodes)
        cluster.start()
        (chain,) = [_output(line, cluster.directory) for line in lines if "chain" in line]
        assert '"credit":[2],"amount":[5]' in chain


def _output(line: str, directory: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", line], cwd=directory, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def test_the_readme_lists_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    for command in COMMANDS:
        assert f"`{command.usage}".replace("|", r"\|") in readme, command.usage


def test_the_readme_names_every_option_of_the_initialize_script() -> None:
    source = (ROOT / "benmo" / "initialize.py").read_text()
    readme = (ROOT / "README.md").read_text()
    options = set(re.findall(r'"(--[a-z-]+)"', source)) - {"--help"}
    assert len(options) >= 8
    assert {option for option in options if f"`{option}`" not in readme} == set()
