"""Benmo: a public ledger kept by five nodes that agree through Paxos.

The packages, from the ground up (ARCHITECTURE.md says how they work together):

    paxos      the protocol: acceptor, leader, learner, and why it is safe; no I/O
    ledger     money: transfers, blocks, balances, the queue, keys; no I/O
    storage    a node's directory: journal, checkpoint, chain
    engine     one turn of a node: event, step, durable, send, apply, answer; no I/O of its own
    network    sockets: TLS, frames, messages as bytes, links to peers
    commands   the command language: its table, arguments, answers
    control    commanding a running node over its port: the messages, and the caller's end
    repl       the prompt, and pipes: lines in, answers out
    client     `Client` and `AsyncClient`, for programs
    admin      what an operator runs: initialize, client-certificate, status, verify, export
    node       a running node: process, listener thread, turns, what it answers
    demo       five nodes and one prompt, with a tour
    tape       what happens in nodes, fact by fact, each with its cause; a file of that
    sim        the simulator, the explorer, the checkers, the planted mistakes
    play       a sandbox in which the user is the network; the language of scenarios
    bench      how fast a cluster is, and how far from the limit
    watch      the page that shows running nodes, its server, and one file of it to hand out
    labs       runs with a planted mistake, for learners to find

The modules beside them:

    startup             the check of what must hold before anything else is imported
    errors              the kinds of error
    typed_json          JSON documents as typed values
    regular_files       opening files where a directory, a pipe or a socket may stand instead
    cluster             `cluster.json`, and where files are
    notices, wording    what a node reports, and the one place that puts it into words
    waiting             waits that a signal can end
    deadlines           time limits of many waits at once
    quorum              the size of a majority
    options             options that several commands share
    child_node          a node's process, started by this one
    program             the outermost handler: each failure in one line
    cli                 the program `benmo`
"""

__version__ = "0.1.0"
