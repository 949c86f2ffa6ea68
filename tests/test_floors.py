"""The packages stand on one another as ARCHITECTURE.md says, and a name means one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import benmo

PACKAGE = Path(benmo.__file__).parent

PROTOCOL = {"paxos", "errors", "typed_json"}
MONEY = PROTOCOL | {"ledger", "notices", "wording"}
CALLING = MONEY | {"cluster", "network", "commands", "control", "options", "waiting", "deadlines"}

MAY_IMPORT = {
    "startup": set[str](),
    "regular_files": set[str](),
    "paxos": set[str](),
    "typed_json": set[str](),
    "waiting": set[str](),
    "deadlines": set[str](),
    "quorum": set[str](),
    "errors": {"paxos"},
    "ledger": {"paxos", "errors"},
    "notices": {"paxos", "ledger"},
    "wording": {"paxos", "notices"},
    "cluster": PROTOCOL | {"regular_files"},
    "storage": {"paxos", "errors", "ledger", "regular_files"},
    "engine": {"paxos", "errors", "ledger", "storage"},
    "tape": {"paxos", "errors", "ledger", "storage", "engine", "notices", "wording"},
    "network": {"paxos", "errors", "ledger", "notices", "cluster", "regular_files"},
    "commands": PROTOCOL | {"ledger", "network", "wording"},
    "program": {"startup", "errors", "commands"},
    "control": MONEY | {"cluster", "network", "commands", "waiting", "deadlines"},
    "options": {"errors", "commands"},
    "child_node": {"paxos", "startup"},
    "worker": {"child_node", "errors", "waiting"},
    "repl": CALLING | {"startup"},
    "client": CALLING,
    "admin": CALLING | {"storage", "quorum"},
    "watch": PROTOCOL | {"wording", "cluster", "control", "options", "tape"},
    "sim": MONEY | {"storage", "engine", "tape", "network", "commands", "options"},
    "node": CALLING | {"storage", "engine", "tape", "repl", "startup", "program", "quorum"},
    "demo": CALLING
    | {"repl", "admin", "child_node", "storage", "quorum", "tape", "watch"}
    | {"worker"},
    "bench": CALLING | {"storage", "engine", "admin", "client", "child_node", "sim"},
    "play": MONEY
    | {"storage", "engine", "tape", "network", "sim", "commands", "options", "repl", "quorum"}
    | {"watch", "worker"},
    "labs": {"options", "paxos", "tape", "sim", "watch"},
    "cli": {"startup", "program"},
}
"""From the ground up: which parts of `benmo` a package, or a module beside them, may import."""

PARTLY = {
    ("demo", "tape"): {"records", "world_records"},
    ("ledger", "paxos"): {"types", "membership"},
    ("storage", "paxos"): {"types", "step", "membership"},
    ("commands", "network"): {"link", "rights"},
    ("commands", "paxos"): {"types"},
    ("program", "commands"): {"fitting"},
    ("sim", "network"): {"wire"},
    ("play", "network"): {"wire"},
    ("play", "sim"): {"disk", "recording", "trace"},
    ("play", "tape"): {"records", "trace_file", "world_records"},
    ("play", "watch"): {"addresses", "server", "open_page"},
    ("watch", "tape"): {"records", "merging", "trace_file", "world_records"},
    ("watch", "paxos"): {"types"},
    ("labs", "tape"): {"records", "trace_file", "world_records"},
    ("labs", "watch"): {"one_file"},
    ("labs", "paxos"): {"types"},
    ("sim", "commands"): {"answers", "fitting"},
}
"""The modules that may be imported, for packages of which only some may be."""


def modules() -> dict[str, Path]:
    """All modules of the product by their dotted names; a package stands for its `__init__`."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(path: Path) -> Iterator[str]:
    """The product's modules that a file imports, wherever in it that stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "benmo":
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                yield whole if whole in MODULES else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in MODULES)


def part_of(module: str) -> str:
    """The package, or the module beside the packages, that a module is or is in."""
    return module.split(".")[1] if "." in module else ""


def test_the_table_names_every_package_and_no_other() -> None:
    assert {part_of(module) for module in MODULES} - {""} == MAY_IMPORT.keys()


def test_the_table_has_floors() -> None:
    """A package stands after all that it may import, so nothing can be imported in a circle."""
    order = list(MAY_IMPORT)
    for part, allowed in MAY_IMPORT.items():
        assert all(order.index(other) < order.index(part) for other in allowed), part


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_no_package_imports_what_stands_above_it(part: str) -> None:
    for module in filter(lambda module: part_of(module) == part, MODULES):
        for other in imports(MODULES[module]):
            if part_of(other) in (part, ""):
                continue
            assert part_of(other) in MAY_IMPORT[part], f"{module} imports {other}"
            some = PARTLY.get((part, part_of(other)))
            assert some is None or other.split(".")[2] in some, f"{module} imports {other}"


def test_no_module_imports_itself_through_others() -> None:
    """Within a package, too: begin with those that import nothing, and take them away."""
    left = {module: set(imports(path)) - {module} for module, path in MODULES.items()}
    while ready := [module for module, others in left.items() if not others & left.keys()]:
        for module in ready:
            del left[module]
    assert left == {}


def test_a_package_exports_nothing_but_the_client() -> None:
    """Else whoever needs one module of a package would load them all."""
    exports = defaultdict(list)
    for module, path in MODULES.items():
        if path.name == "__init__.py":
            exports[module] = list(imports(path))
    allowed = {"benmo.client", "benmo.sim.checkers", "benmo.sim.planted"}
    assert {module for module, names in exports.items() if names} <= allowed


def test_a_class_name_means_one_thing() -> None:
    """Only the client's public values may share a name with what is behind them."""
    places = defaultdict(set)
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and part_of(module) != "client":
                places[node.name.strip("_")].add(module)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
