"""The simulator: production engines on a simulated clock, network and disk, from a seed.

    draw      a seed to a plan: what is going to happen, and when
    plan      what a plan is; `happenings` are its words: payments, crashes, cuts, damage …
    world     machines on a network, and the order in which things happen to them (agenda)
    machine   one node: its disk, clock and index of keys, and the production engine on them
    faults    lets a plan's happenings happen in a world
    run       a plan to an outcome: faults, then calm, then what must be so
    checkers  what must be so, at every step
    trace     what happened, as lines
    shrink    a failing plan to a smaller one
    planted   mistakes that must be found
    seeds     many runs, in several processes
    explore   no chance at all: every order of events of a small system

Nothing outside this package knows that it is simulated. docs/simulator.md is about using it.
"""
