"""A node's directory: what was promised, accepted, queued and decided, as JSON lines on disk.

May import `benmo.ledger`, `benmo.paxos` (`types` and `step`) and `benmo.errors`.

Begin with `node_storage.py`, whose docstring says in which order files change, and why a crash
between any two steps loses nothing. `journal.py`, `checkpoint.py` and `chain_file.py` are the three
files; `replay.py` applies a journal to its checkpoint; `lines.py` is the checksum of each line;
`damage.py` says what is wrong with a file, and the remedy; `disk.py` is the operating system's
files; `lock.py` keeps a second process out. `node_files.py` only reads, for `benmo verify` and
`benmo export`. `key_index.py` finds payments by their keys.
"""
