"""Draw the pictures of the page anew, each of a run that is made for it: light and dark, wide and
narrow. Names of scenes draw only these.
"""

import os
import sys
from pathlib import Path

from _bootstrap import ROOT, enter


def main() -> None:
    """Draw the scenes that are named, or all, into the directory that is named first."""
    if len(sys.argv) < 2:
        sys.exit("usage: python3 scripts/pictures.py DIRECTORY [SCENE]…")
    directory, names = Path(sys.argv[1]).absolute(), sys.argv[2:]
    sys.path.insert(0, ROOT)
    os.chdir(ROOT)
    from playwright.sync_api import sync_playwright

    from tests.support.page_pictures import CHROMIUM, SCENES, draw

    unknown = [name for name in names if name not in SCENES]
    if unknown:
        sys.exit(f"no scene is called {unknown[0]}; there are {', '.join(SCENES)}")
    directory.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        draw(browser, directory, names or list(SCENES))
        browser.close()
    print(f"wrote {directory}")


if __name__ == "__main__":
    enter("dev")
    main()
