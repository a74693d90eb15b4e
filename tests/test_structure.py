"""The house: rooms import downward only, modules have no circles, and what reads records imports no torch."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parent
PACKAGE = TESTS.parent / "repro"

# From the bottom to the top. A room may import from itself and from those before it. A line's names stand for the
# modules that begin with them, the longest that fits: data is two layers, as a spec must know the data sets, and
# reading images must know the spec; so are claims, whose kinds the spec must know.
LAYERS = [
    ["errors", "files", "interrupts", "durations", "wording", "random_streams", "fields"],
    ["data"],
    ["models"],
    ["claims.stats"],
    ["numbers"],
    ["claims.rules"],
    ["spec"],
    ["data.load", "data.batches", "data.augmentations"],
    ["records"],
    ["claims"],
    ["step"],
    ["train"],
    ["show"],
    ["tracking"],
    ["run"],
    ["bench"],
    ["cli", "api"],
    ["__main__"],
]


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(node: ast.AST) -> Iterator[str]:
    """The modules of this package that an import statement names; of `from a import b` also a.b, where that is one."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in MODULES)
    elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
        below = [f"{node.module}.{alias.name}" for alias in node.names]
        found = [name for name in below if name in MODULES]
        yield from found
        if len(found) < len(below):
            yield node.module


def statements(tree: ast.AST, inside_functions: bool) -> Iterator[ast.AST]:
    """Those that run, without what is for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.FunctionDef) and not inside_functions:
            continue
        yield node
        yield from statements(node, inside_functions)


@cache
def imports(module: str, inside_functions: bool) -> frozenset[str]:
    tree = ast.parse(MODULES[module].read_text())
    return frozenset(name for node in statements(tree, inside_functions) for name in imported(node)) - {module}


def layer(module: str) -> int:
    inner = module.removeprefix("repro").removeprefix(".")
    fits = [
        (len(name), number)
        for number, names in enumerate(LAYERS)
        for name in names
        if inner == name or inner.startswith(f"{name}.")
    ]
    assert fits or not inner, f"{module} is in no layer"
    return max(fits)[1] if fits else 0


def test_every_room_has_a_layer() -> None:
    assert {layer(module) for module in MODULES} == set(range(len(LAYERS)))


def test_nothing_imports_upward() -> None:
    upward = [
        f"{module} imports {other}"
        for module in MODULES
        for other in sorted(imports(module, inside_functions=True))
        if layer(other) > layer(module)
    ]
    assert upward == []


def test_modules_have_no_circles() -> None:
    """By what is imported when a module is: a function may import what its room's face stands on."""
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for other in sorted(imports(module, inside_functions=False)):
                walk(other, (*path, module))
            done.add(module)

    for module in MODULES:
        walk(module, ())


READERS = ("spec", "records", "claims", "show.tables", "show.plots", "show.report", "tracking", "cli", "api")


def test_what_reads_records_imports_no_torch() -> None:
    lines = [f"import repro.{room}; assert 'torch' not in sys.modules, 'repro.{room}'" for room in READERS]
    script = "\n".join(["import sys", *lines])
    done = subprocess.run([sys.executable, "-c", script], cwd=PACKAGE.parent, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr


def test_no_test_imports_another() -> None:
    """What several share stands in helpers.py, or is a fixture of conftest.py."""
    tests = {path.stem for path in TESTS.glob("test_*.py")} | {"conftest"}
    assert len(tests) > 1
    named = {path.name: set(imported_names(path)) & tests for path in sorted(TESTS.glob("*.py"))}
    assert {name: found for name, found in named.items() if found} == {}


def test_no_test_reads_a_private_name() -> None:
    """But for those of its own objects, `self._answer`, and `os._exit`, which has no other name."""
    assert set(private_names(ast.parse("from a import _b; c._d(); setattr(e, '_f', 1); self._g"))) == {"_b", "_d", "_f"}
    found = {path.name: set(private_names(ast.parse(path.read_text()))) for path in sorted(TESTS.glob("*.py"))}
    assert {name: names for name, names in found.items() if names} == {}


def private_names(tree: ast.AST) -> Iterator[str]:
    """What is imported, read as an attribute, or named to `setattr` or one of its kin."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) != "self":
            names = [node.attr]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("getattr", "setattr", "delattr")):
            texts = [word.value for word in node.args if isinstance(word, ast.Constant) and isinstance(word.value, str)]
            names = [name for text in texts for name in text.split(".")]
        yield from (name for name in names if name.startswith("_") and not name.startswith("__") and name != "_exit")


def imported_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
