"""One node, one process: `python -m benmo.node 1`.

This module loads on any Python 3 and without any package, so that it can say what is missing.
"""

import sys

if __name__ == "__main__" and not getattr(sys.flags, "safe_path", False):
    # `-m` puts the current folder first, and a random.py there would take the place of Python's.
    sys.path.append(sys.path.pop(0))

from benmo.startup import (
    end_at_signals,
    end_with_parent,
    prepare_standard_files,
    why_not,
)


def main():
    # type: () -> None
    """Run a node and exit with its status, or say in one line why it can't run here."""
    end_at_signals()
    prepare_standard_files()
    reason = why_not()
    if reason:
        sys.exit("benmo: " + reason)
    end_with_parent()
    from benmo.node.process import node  # noqa: PLC0415 - needs the packages
    from benmo.program import run  # noqa: PLC0415

    run(node, "python -m benmo.node")


if __name__ == "__main__":
    main()
