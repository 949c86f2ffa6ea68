"""Labs: runs in which one mistake is planted, for learners to find.

May import what `benmo.sim` may, and of `benmo.watch` what makes one file of the page and a run.

Begin with `table.py`, which lists the labs; `rerun.py` makes a lab's run anew, and what is right;
`code.py` finds the lines that differ; `command.py` is `benmo lab`.
"""
