"""A node's process, started by this one, which can pause and kill it and never leaves it behind."""

from __future__ import annotations

import locale
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from benmo.paxos.types import NodeId
from benmo.startup import PARENT_VARIABLE

_WORDS_KEPT = 20


class StarterThread(threading.Thread):
    """A thread that may start nodes: it lives as long as this process, for its target never ends.

    Linux kills a node when the thread that started it ends.
    """

    @property
    def is_current(self) -> bool:
        return threading.current_thread() is self


class NodeProcess:
    """A process `python -P -m benmo.node N`, which leaves when its standard input is closed.

    Only the main thread and a `StarterThread` may start one. `options` are more options of the
    program's, such as `--sever=2`. `on_end` is called, in another thread, when the process ends
    without `kill` or `let_go`. Raises `OSError` if no process can be started.
    """

    def __init__(
        self,
        node: NodeId,
        state_dir: Path,
        options: Iterable[str],
        on_end: Callable[[NodeProcess], None],
    ) -> None:
        starter = threading.current_thread()
        assert starter is threading.main_thread() or isinstance(starter, StarterThread)
        self.node = node
        self.is_paused = False
        self.end_is_wanted = False
        self._on_end = on_end
        self._words: deque[str] = deque(maxlen=_WORDS_KEPT)
        self._process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-P",
                    "-m",
                    "benmo.node",
                    str(node),
                    "--state-dir",
                    str(state_dir),
                ),
                *options,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, PARENT_VARIABLE: str(os.getpid())},
            start_new_session=True,  # Ctrl-C in the demo's terminal is not meant for the nodes
        )
        threading.Thread(target=self._listen, name=f"words of node {node}", daemon=True).start()

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self.status is None

    @property
    def status(self) -> int | None:
        """The exit status, or minus the signal that ended the process; None while it runs."""
        return self._process.poll()

    @property
    def last_words(self) -> str:
        """The last line that the node wrote; empty if it wrote none."""
        return self._words[-1] if self._words else ""

    @property
    def how_it_ended(self) -> str:
        """The process's exit status or signal, and its last line: words to end a sentence with."""
        status = self.status
        how = f"with status {status}"
        if status is not None and status < 0:
            how = f"by {signal.Signals(-status).name}"
        return f"{how}: {self.last_words}" if self.last_words else how

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)
        self.is_paused = True

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self.is_paused = False

    def kill(self) -> None:
        """Kill the process, without a warning and without waiting for its end."""
        self.end_is_wanted = True
        self._process.kill()

    def let_go(self) -> None:
        """Close the node's standard input: the node then writes a checkpoint and leaves."""
        self.end_is_wanted = True
        if self._process.stdin is not None:
            self._process.stdin.close()

    def until_ended(self, timeout_s: float) -> bool:
        """Wait until the process has exited; False if that takes longer than `timeout_s`."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _listen(self) -> None:
        """Keep the last lines that the process writes, then report its end; runs in a thread."""
        assert self._process.stdout is not None
        encoding = locale.getpreferredencoding(do_setlocale=False)
        with self._process.stdout as words:
            for line in words:
                self._words.append(line.decode(encoding, "backslashreplace").rstrip())
        self._process.wait()
        if not self.end_is_wanted:
            self._on_end(self)
