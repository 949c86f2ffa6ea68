"""The prompt, and pipes: lines in, answers out.

May import `benmo.commands`, `benmo.control`, `benmo.options` and what these import; not
`benmo.node`, for a prompt commands its own process's node and an attached node alike
(`commander.py`).

Begin with `prompt.py` (a node's prompt, by prompt_toolkit) and `batch.py` (lines from a pipe).
`line_prompt.py` is what the prompts of a node and of the demo share. `attach.py` is the program
`benmo attach`.
"""
