"""Several threads may be the first to read something at the same moment: each in a new process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.processes import DEADLINE_S, ROOT, environment

TRIES = 6
THREADS = 8
PROGRAM = """
import sys, threading
sys.setswitchinterval(1e-6)
{prepared}
begin = threading.Barrier({threads})

def work():
    begin.wait()
    {work}

threads = [threading.Thread(target=work) for _ in range({threads})]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""
CLUSTER = (
    "from benmo.cluster import Cluster\n"
    "from benmo.typed_json import from_json\n"
    'address = b\'{"node":1,"host":"h","port":9}\'\n'
    "data = b'{\"cluster\":\"' + b'0' * 32 + b'\",\"nodes\":[' + address + b']}'",
    "from_json(data, Cluster)",
)
ANSWER = (
    "from benmo.paxos.types import Ballot\n"
    "from benmo.control.requests import Shown, decode_answer, encode\n"
    "from benmo.commands.node_status import NodeSnapshot\n"
    "zero = Ballot(0, 0)\n"
    "status = (1, 'acceptor', None, zero, zero, None, 0, '', 0, True)\n"
    "data = encode(Shown(NodeSnapshot(*status, (), 1, 1, None)))\n"
    "peer = b'\\x83\\xa4node\\x02\\xa4link\\xa2up\\xa6height\\x01'\n"
    "data = data.replace(b'peers\\x90', b'peers\\x91' + peer)",
    "decode_answer(data)",
)
NOTICE = (
    "from benmo.control.requests import Told, decode_answer, encode\n"
    "transfer = dict(debit_node=1, number=2, credit_node=3, amount=4)\n"
    "data = encode(Told('TransferApplied', dict(slot=1, transfer=transfer), 1.0))",
    "decode_answer(data).notice()",
)
STATUS = (
    "import json\n"
    "from benmo.client.values import Status\n"
    "from benmo.typed_json import from_json\n"
    "value = dict(node=1, role='acceptor', leader=None, ballot=[0, 0], promised=[0, 0])\n"
    "value |= dict(accepted=None, height=1, head='', queue=0, quorum=True, peers=[])\n"
    "data = json.dumps(value).encode()",
    "from_json(data, Status)",
)


@pytest.mark.parametrize(("prepared", "work"), [CLUSTER, ANSWER, NOTICE, STATUS])
def test_threads_that_read_a_type_for_the_first_time_do_not_crash(prepared: str, work: str) -> None:
    program = PROGRAM.format(prepared=prepared, work=work, threads=THREADS)
    for _ in range(TRIES):
        ended = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            timeout=DEADLINE_S,
            cwd=ROOT,
            env=environment(),
            check=False,
        )
        assert ended.returncode == 0, ended
