"""Kill nodes at random moments, under load, and look for lost or doubled money.

Five real processes on loopback queue transfers without a pause. Nodes, the leader among them, are
killed with SIGKILL at random moments and started again. At the end all run, and:

- all chains are equal;
- each transfer that was shown as decided is in the chain, applied, exactly once;
- no transfer that was shown as refused has moved money;
- each transfer that was queued is in the chain: a queue survives its node's crash;
- the balances have the same sum as at the start.

`python3 scripts/torture.py --kills 200 --tenure stable --seed 1`; exit status 0 if all of it holds.
"""

from _bootstrap import enter

if __name__ == "__main__":
    enter("runtime")
    from trials.torture import main

    from benmo.program import run

    run(main)
