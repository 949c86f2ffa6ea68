"""`--metrics PORT`: what Prometheus is shown of a node that runs, and who else sees it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.processes import (
    BENMO,
    DEADLINE_S,
    NODE,
    end_process,
    environment,
    eventually,
    run,
)
from tests.support.real_cluster import RealCluster, free_ports

HOST = "127.0.0.1"

Samples = dict[tuple[str, ...], float]


@contextmanager
def metered_node(cluster: RealCluster, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Node 1 with metrics at this port, once it listens."""
    words = (*NODE, "1", "--headless", "--metrics", str(port), *cluster.state_option)
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL, env=environment())
    try:
        eventually(lambda: cluster.listens(1), "node 1 listens")
        yield process
    finally:
        end_process(process)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Give three nodes of which the first is not started."""
    with RealCluster(tmp_path_factory.mktemp("metrics"), 3) as cluster:
        cluster.start(2, 3)
        yield cluster


@pytest.fixture(scope="module")
def port(cluster: RealCluster) -> Iterator[int]:
    """Give the port at which node 1, which runs, shows its metrics."""
    with free_ports(1) as port, metered_node(cluster, port):
        yield port


def scrape(port: int) -> Samples:
    """Every sample, by its name and its labels' values, once the node answers in time."""
    return eventually(lambda: answered(scrape_once(port)), "the node answers in time")


def answered(shown: Samples) -> Samples | None:
    return shown if shown["benmo_up",] == 1 else None


def scrape_once(port: int) -> Samples:
    """What is shown: little more than `benmo_up` where the node was slow to answer."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=DEADLINE_S) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        text = answer.read().decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def link_of(shown: Samples, peer: int) -> list[str]:
    states = ("up", "down", "severed")
    return [state for state in states if shown["benmo_link_state", str(peer), state] == 1]


def test_a_decision_shows_in_the_metrics(cluster: RealCluster, port: int) -> None:
    before = scrape(port)
    made = cluster.attach(1, "moneyTransfer 10,1,2", "wait 60", "printStatus")
    assert made.status == 0, made
    after, status = scrape(port), made.values[2]

    def gained(*name: str) -> float:
        return after[name] - before[name]

    assert after["benmo_height_blocks",] == status["height"] >= 1
    assert after["benmo_queue_transfers",] == 0
    assert after["benmo_promised_ballot_round",] >= status["promised"][0] >= 1
    assert gained("benmo_campaigns_total") >= 1
    assert gained("benmo_transfers_decided_total", "applied") == 1
    assert gained("benmo_decide_duration_seconds_count") == 1
    assert gained("benmo_decide_duration_seconds_sum") > 0
    assert gained("benmo_fsync_duration_seconds_count") >= 2, "a queue and a promise at least"
    assert after["process_resident_memory_bytes",] > 1 << 20


def test_links_and_the_quorum_show_in_the_metrics(cluster: RealCluster, port: int) -> None:
    eventually(lambda: scrape(port)["benmo_quorum",] == 1, "node 1 reaches the others")
    cut = cluster.attach(1, "severLink 2", "severLink 3", "moneyTransfer 1,1,2")
    assert cut.status == 0, cut
    shown = scrape(port)
    assert (link_of(shown, 2), link_of(shown, 3)) == (["severed"], ["severed"])
    assert (shown["benmo_quorum",], shown["benmo_queue_transfers",]) == (0, 1)
    assert cluster.attach(1, "restoreLink all", "wait 60").status == 0
    shown = scrape(port)
    assert (shown["benmo_quorum",], shown["benmo_queue_transfers",]) == (1, 0)


def test_metrics_are_shown_to_this_machine_alone(cluster: RealCluster, port: int) -> None:
    with socket.socket() as elsewhere:
        elsewhere.settimeout(DEADLINE_S)
        assert elsewhere.connect_ex(("127.0.0.2", port)) != 0, "another address of this machine"


def test_whoever_holds_a_scrape_up_does_not_hold_the_node_up(
    cluster: RealCluster, port: int
) -> None:
    with socket.create_connection((HOST, port)) as silent:
        silent.sendall(b"GET /metrics HTTP/1.0\r\n")
        made = cluster.attach(1, "moneyTransfer 1,1,3", "wait 60")
        assert made.status == 0, made
    assert scrape(port)["benmo_up",] == 1


def test_a_node_with_metrics_stops_even_while_somebody_holds_a_scrape_up(tmp_path: Path) -> None:
    with RealCluster(tmp_path, 3) as lonely, free_ports(1) as port:
        with metered_node(lonely, port) as process, socket.create_connection((HOST, port)):
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE_S) == 0
        finished = run(*BENMO, "attach", "1", "-e", "printStatus", *lonely.state_option)
        assert "node 1 is not running" in finished.err


def test_a_port_in_use_is_refused_in_one_line_that_names_the_holder(
    cluster: RealCluster, port: int
) -> None:
    cluster.signal(2, signal.SIGTERM)
    assert cluster.ended(2) == 0
    finished = run(*NODE, "2", "--metrics", str(port), *cluster.state_option)
    cluster.start(2)
    assert finished.status == 1 and finished.out == ""
    assert finished.err.count("\n") == 1
    told = f"benmo: --metrics can't listen on {HOST}:{port}: Address already in use. Process "
    assert finished.err.startswith(told)
    assert "--headless --metrics" in finished.err, "the holder's command line"


def test_without_the_extra_one_line_says_what_to_install(cluster: RealCluster) -> None:
    program = (
        "import sys\n"
        "sys.modules['prometheus_client'] = None\n"
        "from benmo.node.process import node\n"
        "from benmo.program import run\n"
        "run(node, 'node')\n"
    )
    words = (sys.executable, "-c", program, "2", *cluster.state_option)
    finished = run(*words, "--metrics", "9100")
    assert finished.status == 1 and finished.out == ""
    assert finished.err.count("\n") == 1
    assert "--metrics needs prometheus-client: pip install 'benmo[metrics]'" in finished.err


def test_a_node_loads_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    """Neither the extra nor what makes certificates or prompts: that is a third of its memory."""
    unused = ("prometheus_client", "cryptography", "prompt_toolkit", "rich")
    program = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({unused}))\n"
        "from benmo.node.process import node\n"
        "node(prog_name='node')\n"
    )
    with RealCluster(tmp_path, 3) as lonely:
        words = (sys.executable, "-c", program, "1", *lonely.state_option)
        finished = run(*words, "--format", "json", typed="printBalance\n")
    assert finished.status == 0, finished
    assert finished.values[0]["balance"] == 100


@pytest.mark.parametrize("given", ["0", "65536", "here"])
def test_what_is_no_port_is_not_understood(cluster: RealCluster, given: str) -> None:
    finished = run(*NODE, "1", "--metrics", given, *cluster.state_option)
    assert finished.status == 2
    assert "'--metrics'" in finished.err
