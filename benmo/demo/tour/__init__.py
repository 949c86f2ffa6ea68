"""The tour, a guided walk: says what to type, waits for the effect, explains what was seen.

May import what `benmo.demo` may.

Begin with `beats.py`, the steps of the tour, whose parts `cast.py` gives out. `tour.py` goes
through the beats; `scene.py` is what the tour sees of the nodes; `explanations.py` puts into words
what was seen; `effects.py` says whether a command has had its effect; `command.py` is the demo's
command `tour`.
"""
