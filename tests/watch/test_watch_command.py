"""The addresses of the page, and how `benmo watch` hands them out."""

from __future__ import annotations

import signal
import socket
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from benmo.admin.initialize import main as initialize
from benmo.errors import CannotStart
from benmo.watch.open_page import HandsAnswer
from benmo.watch.server import PageServer
from tests.support.processes import BENMO, DEADLINE_S, end_process, environment, eventually
from tests.support.real_cluster import free_ports
from tests.watch.server_client import HEADER, PageClient, answer, asked, host_of


def test_the_page_is_served_at_one_address_and_answers_to_no_other_name() -> None:
    for every in ("0.0.0.0", "0", ""):
        server = PageServer(HEADER, host=every)
        with pytest.raises(CannotStart, match=f"one address of this machine: '{every}' stands"):
            server.start()
        server.close()
    server = PageServer(HEADER, host="LOCALHOST")
    server.start()
    with closing(server):
        port = int(host_of(server).partition(":")[2])
        assert server.address.startswith(f"http://localhost:{port}/#token=")
        for host, status in {"localhost": 200, "127.0.0.1": 403, "0.0.0.0": 403}.items():
            assert answer(server, asked(server, Host=f"{host}:{port}"))[0] == status
        with socket.socket() as elsewhere:
            assert elsewhere.connect_ex(("127.0.0.2", port)) != 0


def test_nobody_acts_where_other_machines_may_watch_or_a_server_has_no_hands() -> None:
    with pytest.raises(AssertionError):
        PageServer(HEADER, host="localhost", hands=lambda line: HandsAnswer("done", line))
    server = PageServer(HEADER)
    server.start()
    with closing(server), PageClient(server) as page:
        assert page.get()["act"] is False
        page.say({"id": 1, "line": "crashNode 3"})
        assert page.get()["status"] == "refused"
        with pytest.raises(KeyError):
            print(server.hands_address)


BROWSER = """#!/bin/sh
stat -c %a "${1#file://}" > "$0.new"
cat "${1#file://}" >> "$0.new"
printf '\\n%s' "$*" >> "$0.new"
mv "$0.new" "$0.opened"
"""


def test_the_browser_gets_the_address_by_a_private_file(tmp_path: Path) -> None:
    """The command line of a process can be read by all users of the machine."""
    with free_ports(3) as port:
        _the_browser_gets_the_address(tmp_path, port)


def _the_browser_gets_the_address(tmp_path: Path, port: int) -> None:
    options = ["--nodes=3", f"--port={port}", f"--state-dir={tmp_path / 'state'}"]
    made = CliRunner().invoke(initialize, options)
    assert made.exit_code == 0, made.output
    browser = tmp_path / "browser"
    browser.write_text(BROWSER)
    browser.chmod(0o700)
    command = ("watch", "--open", "--host=localhost", f"--state-dir={tmp_path / 'state'}")
    program = subprocess.Popen(
        [*BENMO, *command],
        stdout=subprocess.PIPE,
        env={**environment(), "BROWSER": f"{browser} %s"},
    )
    try:
        assert program.stdout is not None
        lines = [program.stdout.readline().decode() for _ in range(6)]
        address = lines[1].strip()
        assert lines[0] == "nodes 1, 2 and 3, live (Ctrl-C ends it), in a browser:\n"
        assert lines[1].startswith("  http://localhost:")
        assert lines[2].startswith("Whoever has that address and reaches localhost can watch")
        assert all("is not running at 127.0.0.1:" in line for line in lines[3:])
        opened = Path(f"{browser}.opened")
        eventually(opened.exists, "the browser is opened")
        mode, page, arguments = opened.read_text().split("\n")
        assert mode == "600"
        assert f"url={address}" in page
        assert "token" not in arguments
        file = Path(arguments.removeprefix("file://"))
        assert file.exists()
        program.send_signal(signal.SIGINT)
        assert program.wait(DEADLINE_S) == 0
        assert not file.exists()
    finally:
        end_process(program)
