"""The sandbox in which a learner is the network: each message waits to arrive, or to be lost.

May import `benmo.sim` for its disk, its words and its recording, what that stands on,
`benmo.repl`, and `benmo.watch` for the page. The engines are the production ones; time and messages
move only when told to.

Begin with `language.py`; docs/play.md is about using it.

================  ================================================================
`sandbox.py`      engines on disks in memory, and the messages under way between them
`traced.py`       writes down what happens in a sandbox, a line each
`language.py`     the commands of scenarios, and how people may write them
`scenario.py`     carries them out on a sandbox
`script.py`       a scenario's text: its story, its commands, the trace of each
`branches.py`     the tree of all that was tried: undoing deletes nothing
`outlook.py`      what an observer sees of a run: nodes, messages, what is decided
`screen.py`       the same for people: a table, a list, a hint
`runner.py`       carries out what is typed, in the language or about the branches
`stage.py`        what a prompt and pages share that act on one sandbox
`recording.py`    a branch as a trace for a file, or for the page
`prompt.py`       the prompt, and `completion.py`
`page.py`         the page
`command.py`      `benmo play`
================  ================================================================
"""
