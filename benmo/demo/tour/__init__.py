"""The guided walk: says what to type, waits until that has happened, explains what was seen.

Begin with `beats.py`, what there is to do and to see. `tour.py` goes through the beats; `scene.py`
is what the tour sees of the nodes; `explanations.py` puts that into words; `command.py` is the
demo's command `tour`.
"""
