"""The page's own files, and the one file that is made of them."""

from __future__ import annotations

import gzip
import re
from base64 import b64decode

import pytest

from benmo.watch.one_file import modules, one_file

MODULES = modules()


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_short_and_imports_by_bare_names(name: str) -> None:
    source = MODULES[name]
    assert source.count("\n") < 350
    assert max(map(len, source.splitlines())) <= 120
    for imported in re.findall(r'^import .* from "(.*)";$|^import "(.*)";$', source, re.MULTILINE):
        assert "".join(imported).removeprefix("benmo/") in MODULES


@pytest.mark.parametrize("name", MODULES)
def test_a_module_never_reads_text_as_html_and_asks_nobody(name: str) -> None:
    forbidden = (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
    )
    assert [word for word in forbidden if word in MODULES[name]] == []
    assert set(re.findall(r"https?://[^\"']*", MODULES[name])) <= {"http://www.w3.org/2000/svg"}


def test_no_module_imports_itself_through_others() -> None:
    left = {
        name: set(re.findall(r'from "benmo/(.*)";', source)) for name, source in MODULES.items()
    }
    while ready := [name for name, others in left.items() if not others & left.keys()]:
        for name in ready:
            del left[name]
    assert left == {}


def test_the_file_holds_the_run_packed_so_that_nothing_in_it_can_end_its_element() -> None:
    trace = b'{"benmo":"trace"}\n</script><script>alert(1)</script>\n'
    page = one_file(trace)
    found = re.search(r'<script type="text/plain" id="run">([^<]*)</script>', page)
    assert found is not None
    assert gzip.decompress(b64decode(found[1])) == trace
    assert "alert(1)" not in page


def test_the_file_is_the_same_for_the_same_run() -> None:
    assert one_file(b"{}\n") == one_file(b"{}\n")
