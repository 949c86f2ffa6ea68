"""Make what five nodes need to start; `python3 scripts/initialize.py --help` says more."""

from _bootstrap import enter

if __name__ == "__main__":
    enter("runtime")
    from benmo.admin.initialize import main
    from benmo.program import run

    run(main)
