"""Several nodes and one prompt for all of them: `python3 scripts/demo.py`, `benmo demo`.

The nodes are processes of their own, started by this one, and end with it. What is typed here goes
to them as `benmo attach` sends it; the demo has no other way into a node.

    command     options, and what happens from start to end
    prepare     the state directory and the ports, before any node starts
    session     the demo from when its nodes start until they have ended
    process     one node's process
    fleet       all of them: start, kill, pause, cut and slow links
    links       which links are cut or slowed: remembered, since a node forgets
    threads     the same thing for several nodes at once
    words       the demo's own commands, as one table
    actions     what they do, to a `stage`
    parse       whom a line is for
    demo        carries a line out
    together    one answer out of what all nodes answered
    board       the nodes' notices, no faster than people can read: `entries` in their `order`
    prompt      prompt_toolkit around all that, with `completion` and a `bottom` line
    tour        says what to type, waits until it has happened, explains
    walk        what it has to say, in `sentences`; `guided` begins it, `scene` is what it sees
"""
