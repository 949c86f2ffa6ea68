"""Make a chain of a million transfers, then measure start-up, memory and catching up.

Four nodes' engines write the chain, in this process, through the production code to real files;
node 5 stays empty. Then real processes run on those files: how long until a node answers, how much
memory it uses, and how long node 5 takes to catch up while the others go on deciding.

`python3 scripts/long_chain.py --transfers 1000000`; it prints one JSON object.
"""

from _bootstrap import enter

if __name__ == "__main__":
    enter("runtime")
    from benmo.trials.long_chain import main

    main()
