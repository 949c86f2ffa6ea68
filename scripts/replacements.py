"""Lose disks under load, and replace their nodes; look for lost or doubled money.

Five real processes on loopback; programs pay at each of them under keys, and ask for confirmed
balances all the while. Again and again a node is killed, its directory is removed, `benmo replace`
gives it a new member, and it is started again: now and then the leader, now and then while a second
node is down. At the end all run, and:

- all chains are equal, and the balances have the same sum as at the start;
- each payment is in the chain, applied, exactly once, also those asked for again after the loss;
- no confirmed balance was older than a payment that was known to be decided before.

`python3 scripts/replacements.py --times 50 --seed 1`; exit status 0 if all of it holds.
"""

from _bootstrap import enter

if __name__ == "__main__":
    enter("runtime")
    from trials.replacements import main

    from benmo.program import run

    run(main)
