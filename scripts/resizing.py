"""Add nodes under load, and remove them again; look for lost or doubled money.

Five real processes on loopback; programs pay at each of them under keys, and ask for confirmed
balances all the while. Again and again `benmo add` makes a sixth and a seventh node, which get
money and pay it back under keys, and `benmo remove` removes both. At the end five run, and:

- all chains are equal, and the balances had the same sum whenever they were asked for;
- each payment is in the chain, applied, exactly once;
- no confirmed balance was older than a payment that was known to be decided before;
- each removed node's process ended by itself, with status 5.

`python3 scripts/resizing.py --times 10 --seed 1`; exit status 0 if all of it holds.
"""

from _bootstrap import enter

if __name__ == "__main__":
    enter("runtime")
    from trials.resizing import main

    from benmo.program import run

    run(main)
