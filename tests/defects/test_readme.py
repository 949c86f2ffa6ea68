"""README.md names the test of each defect."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_the_readme_names_each_defect_with_its_test() -> None:
    text = (HERE / "README.md").read_text()
    named = re.findall(r"^(\d+)\. [^`]+`(\w+\.py)::(\w+)`$", text, re.M)
    assert [int(number) for number, _, _ in named] == list(range(1, 41))
    for number, file, test in named:
        assert test.startswith(f"test_defect_{int(number):02}_")
        assert f"def {test}(" in (HERE / file).read_text()
