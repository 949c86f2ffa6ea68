"""The prompt in a terminal, at a node and attached to one: what is seen, typed and kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benmo.commands.table import COMMANDS
from tests.support.processes import BENMO, NODE
from tests.support.real_cluster import RealCluster
from tests.support.terminals import Terminal, above_prompt, is_above_prompt

CTRL_C, CTRL_D, UP, RIGHT, TAB = "\x03", "\x04", "\x1b[A", "\x1b[C", "\t"
COLOURS = re.compile(rb"\x1b\[(?:[0-9]*;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9]*)*m")


@dataclass
class Prompts:
    """Three nodes: 2 and 3 run without a prompt, 1 has one; or 2 has, from outside."""

    cluster: RealCluster
    node: int

    def open(self, **options: Any) -> Terminal:
        """A terminal at the prompt, with a quorum in sight."""
        command = (*NODE, "1") if self.node == 1 else (*BENMO, "attach", "2")
        terminal = self.cluster.terminal(*command, **options)
        terminal.wait_for(f"benmo {self.node}> ".rstrip())
        terminal.wait_for("quorum: yes")
        return terminal


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with RealCluster(tmp_path_factory.mktemp("terminal"), 3) as cluster:
        cluster.start(2, 3)
        yield cluster


@pytest.fixture(params=[1, 2], ids=["node", "attach"])
def prompts(request: pytest.FixtureRequest, cluster: RealCluster) -> Iterator[Prompts]:
    """Give prompts of both kinds; what is open at the end is closed."""
    node: int = request.param
    for path in cluster.state.glob("node-*/history"):
        path.unlink()
    yield Prompts(cluster, node)
    cluster.close_terminals()
    cluster.ask(2, "restoreLink all")


def on_prompt(prompt: str) -> Callable[[str], bool]:
    """Of a screen's text: the last line with a prompt is this one."""
    name = prompt.partition(">")[0] + ">"
    return lambda text: (
        [line for line in text.splitlines() if line.startswith(name)][-1:] == [prompt.rstrip()]
    )


def test_the_prompt_says_who_it_is_and_the_bottom_lines_how_it_is(prompts: Prompts) -> None:
    terminal, node = prompts.open(), prompts.node
    peers = [peer for peer in prompts.cluster.nodes if peer != node]
    links = " ".join(f"{peer}✓" for peer in peers if peer != 1)
    text = terminal.wait_for(lambda text: links in text and re.search(r"height \d", text))
    assert text.startswith("Node 1." if node == 1 else "Attached to node 2.")
    assert "help" in text.splitlines()[0] and "Ctrl-D" in text.splitlines()[0]
    assert text.splitlines()[1].rstrip() == f"benmo {node}>"
    bottom = "\n".join(text.splitlines()[-2:])
    for part in (f"node {node}: acceptor", "ballot", "height ", "balance ", "queue 0", links):
        assert part in bottom, text
    prompts.cluster.ask(2, "severLink 3")
    terminal.wait_for("2✓ 3✓ · quorum: yes" if node == 1 else "3✂ · quorum: ")


def test_a_menu_offers_the_commands_and_what_they_mean(prompts: Prompts) -> None:
    terminal = prompts.open()
    terminal.type("print")
    for command in COMMANDS:
        if command.name.startswith("print"):
            terminal.wait_for(re.compile(rf"{command.name} +{re.escape(command.meaning)}"))
    terminal.type("q")
    terminal.wait_for(lambda text: "printQueue" in text and "printStatus" not in text)
    terminal.type(TAB)
    terminal.wait_for(on_prompt(f"benmo {prompts.node}> printQueue"))
    terminal.enter()
    terminal.wait_for("the queue is empty")


def test_tab_goes_from_one_that_is_offered_to_the_next(prompts: Prompts) -> None:
    terminal = prompts.open()
    prompt = f"benmo {prompts.node}> "
    printed = [command.name for command in COMMANDS if command.name.startswith("print")]
    terminal.type("print")
    for name in printed:
        terminal.wait_for(printed[-1])
        terminal.type(TAB)
        terminal.wait_for(on_prompt(prompt + name))
    terminal.type(CTRL_C + "severLink ")
    peers = [peer for peer in prompts.cluster.nodes if peer != prompts.node]
    for peer in peers:
        terminal.wait_for(re.compile(rf"severLink.*\n +{peers[0]} .*\n +{peers[1]} "))
        terminal.type(TAB)
        terminal.wait_for(on_prompt(f"{prompt}severLink {peer}"))


def test_restore_link_offers_the_severed_links_only(prompts: Prompts) -> None:
    terminal = prompts.open()
    severed, other = (3, 2) if prompts.node == 1 else (3, 1)
    terminal.type("restoreLink ")
    terminal.wait_for(on_prompt(f"benmo {prompts.node}> restoreLink"))
    terminal.type(CTRL_C)
    terminal.enter(f"severLink {severed}")
    terminal.wait_for(f"{severed}✂")
    terminal.type("restoreLink ")
    text = terminal.wait_for("every severed link")
    menu = text[text.rindex("restoreLink") :].splitlines()[1:3]
    assert [line.split()[0] for line in menu] == [str(severed), "all"], text
    terminal.type(CTRL_C + "severLink ")
    text = terminal.wait_for(re.compile(rf"> severLink[ {severed}]*\n +{other} "))
    assert not re.search(rf"> severLink.*\n(.*\n)? +{severed} ", text), text
    terminal.type(CTRL_C)
    terminal.enter(f"restoreLink {severed}")
    terminal.wait_for(f"restored the link to node {severed}")
    terminal.wait_for(f"{severed}✓")


def test_a_bare_command_asks_for_what_it_needs(prompts: Prompts) -> None:
    terminal, node = prompts.open(), prompts.node
    terminal.enter("moneyTransfer")
    terminal.wait_for("amount,debit_node,credit_node:")
    terminal.enter(f"2,{node},3")
    terminal.wait_for(re.compile(rf"queued {node}-\d+ \(2 from node {node} to node 3\)"))
    terminal.wait_for(re.compile(rf"decided {node}-\d+ \(2 from node {node} to node 3\)"))
    terminal.enter("sever")
    terminal.wait_for("node:")
    terminal.enter("3")
    terminal.wait_for("the link to node 3 is severed")
    terminal.enter("restore")
    terminal.wait_for("node, or all:")
    terminal.enter("all")
    terminal.wait_for("restored the link to node 3")
    terminal.enter("moneyTransfer")
    terminal.wait_for(lambda text: text.count("amount,debit_node,credit_node:") == 2)
    terminal.type("9,9" + CTRL_C)
    terminal.wait_for(on_prompt(f"benmo {node}> "))
    assert terminal.screen_text().count("queued ") == 1


def pasted(*lines: str) -> str:
    return f"\x1b[200~{chr(10).join(lines)}\x1b[201~"


def test_of_a_pasted_script_each_command_is_shown_above_its_answer(prompts: Prompts) -> None:
    terminal, node = prompts.open(), prompts.node
    terminal.enter(pasted("printQueue", "", "printBalance # mine", "wait 60"))
    text = terminal.wait_for(is_above_prompt("nothing waits in the queue"))
    shown = [line for line in text.splitlines()[1:] if not re.match(r"\d\d:", line)]
    assert shown[0] == f"benmo {node}> printQueue"
    assert shown[1] == "the queue is empty"
    assert shown[2] == f"benmo {node}> printBalance"
    assert shown[3].startswith(f"node {node} has ")
    assert shown[4] == f"benmo {node}> wait 60"
    assert shown[5].startswith("nothing waits in the queue")


def test_what_is_left_out_of_a_pasted_script_is_said(prompts: Prompts) -> None:
    terminal, node = prompts.open(), prompts.node
    terminal.enter(pasted("printQueue", f"moneyTransfer 100000,{node},3", "wait 1", "wait 2"))
    text = terminal.wait_for(is_above_prompt("lines were not carried out"))
    assert "so the last 2 lines were not carried out, from this one on: wait 1" in text
    terminal.enter(pasted(f"moneyTransfer 100000,{node},3", "wait 3"))
    terminal.wait_for(is_above_prompt("so the last line was not carried out"))
    assert f"benmo {node}> wait" not in terminal.all_text()


def test_a_typing_error_is_told_in_a_line_and_the_node_goes_on(prompts: Prompts) -> None:
    terminal, node = prompts.open(), prompts.node
    for typed, told in (
        ("a,b,c", "there is no command 'a'"),
        ("monyTransfer 1 2 3", "did you mean moneyTransfer?"),
        (f"moneyTransfer x,{node},3", "amount must be a whole number, not 'x'"),
        (f"moneyTransfer 1,{node}", "moneyTransfer AMOUNT,DEBIT,CREDIT"),
        (f"moneyTransfer -1,{node},3", "refused: "),
        ("moneyTransfer 1,3,1", f"this is node {node}"),
        ("print", "'print' could be printBlockchain or printBalance"),
        ("severLink 9", "there is no node 9"),
        (f"severLink {node}", "it has no link to itself"),
        ("printBlockchain one", "slot must be a whole number"),
    ):
        terminal.enter(typed)
        text = terminal.wait_for(is_above_prompt(told))
        assert "Traceback" not in text
    terminal.enter("printBalance")
    terminal.wait_for(re.compile(rf"node {node} has \d+.*, at height \d+"))


def test_ctrl_c_drops_the_line_and_ends_a_wait_but_not_the_node(prompts: Prompts) -> None:
    terminal, node = prompts.open(), prompts.node
    terminal.type("moneyTransfer 1" + CTRL_C)
    terminal.wait_for(on_prompt(f"benmo {node}> "))
    for peer in (1, 2, 3):
        if peer != node:
            terminal.enter(f"severLink {peer}")
            terminal.wait_for(f"the link to node {peer} is severed")
    terminal.enter(f"moneyTransfer 1,{node},3")
    terminal.wait_for(f"not decided: node {node} reaches 1 of 3, needs 2")
    terminal.enter("wait")
    terminal.wait_for(lambda text: on_prompt(f"benmo {node}> wait")(text) and terminal.is_cooked)
    prompts_before = terminal.screen_text().count(f"benmo {node}>")
    terminal.type(CTRL_C)
    text = terminal.wait_for(lambda text: text.count(f"benmo {node}>") > prompts_before)
    assert "^Cbenmo" not in text, text
    terminal.enter("restoreLink all")
    terminal.wait_for(re.compile(rf"decided {node}-\d+ \(1 from"))
    terminal.enter("printQueue")
    terminal.wait_for("the queue is empty")


@pytest.mark.parametrize("leave", [CTRL_D, "exit\r"], ids=["ctrl-d", "exit"])
def test_leaving_ends_with_status_0_and_gives_the_terminal_back(
    prompts: Prompts, leave: str
) -> None:
    terminal = prompts.open()
    terminal.type(leave)
    assert terminal.wait_exit() == 0
    assert terminal.is_given_back
    terminal.wait_for(lambda text: "quorum:" not in text)
    assert terminal.raw.rindex(b"\x1b[?2004l") > terminal.raw.rindex(b"\x1b[?2004h")
    assert "Traceback" not in terminal.all_text()
    if prompts.node == 1:
        journal = (prompts.cluster.node_directory(1) / "journal.jsonl").read_text()
        assert journal.count("\n") == 1
    assert prompts.cluster.listens(1) is False
    assert prompts.cluster.ask(2, "printStatus")["node"] == 2


def test_ctrl_d_while_a_command_is_carried_out_leaves_after_it(cluster: RealCluster) -> None:
    terminal = Prompts(cluster, 2).open()
    for peer in (1, 3):
        cluster.ask(2, f"severLink {peer}")
    terminal.enter("moneyTransfer 1,2,3")
    terminal.wait_for("queued 2-")
    terminal.enter("wait")
    terminal.wait_for(lambda text: on_prompt("benmo 2> wait")(text) and terminal.is_cooked)
    terminal.type(CTRL_D)
    cluster.ask(2, "restoreLink all")
    assert terminal.wait_exit() == 0
    assert "decided" in terminal.all_text()
    assert terminal.is_given_back


def test_a_notice_appears_above_the_half_typed_line_and_leaves_it_alone(prompts: Prompts) -> None:
    terminal, node = prompts.open(), prompts.node
    terminal.type(f"moneyTransfer 1,{node}")
    terminal.wait_for(on_prompt(f"benmo {node}> moneyTransfer 1,{node}"))
    prompts.cluster.attach(3, f"moneyTransfer 1,3,{node}", "wait 60")
    text = terminal.wait_for(
        lambda text: re.search(
            r"\d\d:\d\d:\d\d slot \d+ is decided: 1 transfer", above_prompt(text)
        )
    )
    assert on_prompt(f"benmo {node}> moneyTransfer 1,{node}")(text), text
    terminal.enter(",3")
    terminal.wait_for(re.compile(rf"queued {node}-\d+ \(1 from node {node} to node 3\)"))
    terminal.wait_for(re.compile(rf"decided {node}-\d+ \(1 from node {node} to node 3\)"))


def test_what_was_typed_is_remembered_and_suggested(prompts: Prompts) -> None:
    first, node = prompts.open(), prompts.node
    first.enter("printBlockchain 1 77")
    first.wait_for(
        lambda text: on_prompt(f"benmo {node}> ")(text) and text.count(f"benmo {node}>") == 2
    )
    first.type(CTRL_D)
    assert first.wait_exit() == 0
    history = prompts.cluster.node_directory(node) / "history"
    assert "printBlockchain 1 77" in history.read_text()
    assert history.stat().st_mode & 0o777 == 0o600
    second = prompts.open()
    second.type("printBl")
    second.wait_for(on_prompt(f"benmo {node}> printBlockchain 1 77"))
    second.type(RIGHT + "8")
    second.wait_for(on_prompt(f"benmo {node}> printBlockchain 1 778"))
    second.type(CTRL_C)
    second.wait_for(on_prompt(f"benmo {node}> "))
    second.type(UP)
    second.wait_for(on_prompt(f"benmo {node}> printBlockchain 1 77"))


@pytest.mark.parametrize(("no_colour", "coloured"), [("1", False), ("", True)])
def test_no_color_means_no_colours(prompts: Prompts, no_colour: str, coloured: bool) -> None:
    terminal, node = prompts.open(NO_COLOR=no_colour), prompts.node
    terminal.type("print")
    terminal.wait_for("this node's balance, or every node's")
    terminal.type(CTRL_C)
    terminal.enter(f"moneyTransfer 1,{node},3")
    terminal.wait_for(re.compile(rf"decided {node}-\d+ \(1 from"))
    found = COLOURS.findall(terminal.raw)
    assert bool(found) is coloured, found


def test_a_narrow_terminal_shows_all_that_matters(prompts: Prompts) -> None:
    terminal, node = prompts.open(columns=60, lines=20), prompts.node
    bottom = terminal.wait_for("balance ")
    assert re.search(rf"node {node}: acceptor", bottom)
    for part in ("height ", "queue ", "links: ", "quorum: yes"):
        assert part in bottom, bottom
    terminal.type("printB")
    terminal.wait_for(re.compile(r"printBalance +this node"))
    terminal.type(CTRL_C)
    terminal.enter("printBalance all")
    terminal.wait_for(re.compile(r"node +balance\n +1 +\d+\n +2 +\d+\n +3 +\d+\n"))
    terminal.enter(f"moneyTransfer 1,{node},3")
    terminal.wait_for(re.compile(rf"decided {node}-\d+ \(1 from"))


def test_the_bottom_line_counts_the_election_delay_down(tmp_path: Path) -> None:
    with RealCluster(tmp_path, 3, election_delay="600-600") as cluster:
        cluster.start(2)
        terminal = cluster.terminal(*NODE, "1")
        assert "election" not in terminal.wait_for("quorum: yes")
        terminal.enter("moneyTransfer 30 1 2")
        text = terminal.wait_for(re.compile(r"election delay: \d+ s left"))
        assert re.search(r"balance 100 \(70 available\).* queue 1", text), text
        left_s = seconds_left(text)
        assert left_s <= 600
        terminal.wait_for(lambda text: seconds_left(text) < left_s)
        cluster.kill(2)
        terminal.wait_for("quorum: no")
        terminal.wait_for("queued, not decided: node 1 reaches 1 of 3, needs 2")


def seconds_left(text: str) -> int:
    return int(re.findall(r"(\d+) s left", text)[-1])
