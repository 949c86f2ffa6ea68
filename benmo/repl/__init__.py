"""The prompt, and pipes: lines in, answers out.

May import `benmo.commands`, `benmo.control` and what they import; not `benmo.node`, for a prompt
serves a node of this process and one that it is attached to alike (`commander.py`).

Begin with `prompt.py` (prompt_toolkit) and `batch.py` (lines from a pipe). `attach.py` is the
program `benmo attach`.
"""
