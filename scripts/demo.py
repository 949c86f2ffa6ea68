"""Run five nodes and one prompt for all of them; `python3 scripts/demo.py --help` says more."""

from _bootstrap import enter

if __name__ == "__main__":
    enter("runtime")
    from benmo.demo.command import demo
    from benmo.program import run

    run(demo, "python3 scripts/demo.py")
