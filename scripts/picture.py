"""Draw docs/demo.svg anew: the demo's screen, from five real nodes at their usual ports."""

import os
import sys
import tempfile
from pathlib import Path

from _bootstrap import ROOT, enter

PICTURE = Path(ROOT, "docs", "demo.svg")
PORT = 9001


def main() -> None:
    """Play the scene and write the picture."""
    sys.path.insert(0, ROOT)
    os.chdir(ROOT)
    from tests.support.picture import drawn, record

    with tempfile.TemporaryDirectory() as directory:
        terminal = record(Path(directory), PORT)
        try:
            PICTURE.write_text(drawn(terminal), encoding="utf-8")
        finally:
            terminal.close()
    print(f"wrote {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    enter("dev")
    main()
