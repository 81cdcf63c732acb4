"""The house: imports never go up a floor or in a circle, and files, functions and signatures stay small.

It reads the sources and imports nothing of them. The floors are those of docs/architecture.md.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

SRC = ROOT / "src"
PACKAGE = SRC / "sweepformer"
DATA = ("conf", "project_files")  # what is in these is data of the package: presets, and the files of a new project
FLOORS = (  # from the ground up; what stands on one floor may know of each other
    ("errors", "lightning_internals"),
    ("models", "files"),
    ("config",),
    ("screen",),
    ("runs",),
    ("data",),
    ("tasks",),
    ("baselines", "training"),
    ("inference",),
    ("export", "serving", "analysis"),
    ("sweeps",),
    ("commands",),
    ("sweepformer", "__main__"),  # the door for programs, which finds what it offers when asked
)
FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}
UPWARD: dict[tuple[str, str], str] = {}  # (who imports, what) that go up all the same: the reason
MOST_LINES, MOST_PARAMETERS, MOST_FILES_AT_THE_ROOT = 60, 8, 8
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """One import of a module of ours. at_once: when the importing module is loaded, and not by a call later on."""

    importer: str
    imported: str
    at_once: bool


def modules() -> dict[str, Path]:
    """The package's files by their dotted names."""
    paths = [path for path in sorted(PACKAGE.rglob("*.py")) if not set(DATA) & set(path.relative_to(PACKAGE).parts)]
    return {".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


MODULES = modules()
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def part_of(module: str) -> str:
    """The package or the file at the root that a module is in."""
    return module.split(".")[1] if "." in module else module


def floor_of(module: str) -> int:
    """The number of its floor, from 0 on."""
    return FLOOR_OF[part_of(module)]


def imports_of(module: str) -> Iterator[Import]:
    """All of them, wherever they stand."""
    yield from _imports_in(TREES[module], module, at_once=True)


def _imports_in(node: ast.AST, module: str, at_once: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for name in _named(child, module):
                yield Import(module, name, at_once)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for one in child.body:
                yield from _imports_in(ast.Module([one], []), module, at_once=False)
            yield from _imports_in(ast.Module(child.orelse, []), module, at_once)
        else:
            yield from _imports_in(child, module, at_once and not isinstance(child, Function | ast.Lambda))


def _named(statement: ast.Import | ast.ImportFrom, module: str) -> Iterator[str]:
    """The modules of ours that a statement names."""
    if isinstance(statement, ast.Import):
        found = [alias.name for alias in statement.names]
    else:
        base = statement.module or ""
        if statement.level:
            up = statement.level - (MODULES[module].name == "__init__.py")
            base = ".".join([*module.split(".")[: len(module.split(".")) - up], *filter(None, [base])])
        inside = [f"{base}.{alias.name}" for alias in statement.names]
        found = [one if one in MODULES else base for one in inside]
    yield from (one for one in dict.fromkeys(found) if one in MODULES and one != module)


def functions() -> Iterator[tuple[str, Function]]:
    """Every function and method, by its dotted name."""
    for module, tree in TREES.items():
        yield from _functions_in(tree, module)


def _functions_in(node: ast.AST, name: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        inner = f"{name}.{child.name}" if isinstance(child, Function | ast.ClassDef) else name
        if isinstance(child, Function):
            yield inner, child
        yield from _functions_in(child, inner)


def lines_of(function: Function) -> int:
    """From `def` to the end, without the docstring."""
    first = function.body[0]
    docstring = ast.get_docstring(function) is not None and (first.end_lineno or 0) - first.lineno + 1
    return (function.end_lineno or 0) - function.lineno + 1 - int(docstring)


def parameters_of(function: Function) -> int:
    """What a caller may give; not `self` and `cls`."""
    named = function.args
    every = [*named.posonlyargs, *named.args, named.vararg, *named.kwonlyargs, named.kwarg]
    return sum(one is not None and one.arg not in ("self", "cls") for one in every)


def targets() -> set[str]:
    """What the presets name by `_target_`: its parameters are keys of a config."""

    def within(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            yield from [value["_target_"]] if isinstance(value.get("_target_"), str) else []
            for one in value.values():
                yield from within(one)
        elif isinstance(value, list):
            for one in value:
                yield from within(one)

    presets = [*(ROOT / "conf").rglob("*.yaml"), *(ROOT / "experiments").glob("*.yaml")]
    return {name for path in presets for name in within(yaml.safe_load(path.read_text(encoding="utf-8")))}


def test_every_part_of_the_package_has_its_floor() -> None:
    assert set(map(part_of, MODULES)) == set(FLOOR_OF)


def test_no_import_goes_up() -> None:
    """Those in functions and for type checkers among them: who needs what is above stands on the wrong floor."""
    up = {
        (one.importer, one.imported)
        for module in MODULES
        for one in imports_of(module)
        if floor_of(one.imported) > floor_of(one.importer)
    }
    assert up == set(UPWARD)


def test_no_files_import_each_other_in_a_circle() -> None:
    """Of imports that happen while a module is loaded: those in functions and for type checkers can't fail so."""
    graph = {module: {one.imported for one in imports_of(module) if one.at_once} for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_models_are_pure_torch() -> None:
    foreign = r"^\s*(from|import) (hydra|omegaconf|pytorch_lightning|lightning_fabric)\b"
    texts = {path.name: path.read_text(encoding="utf-8") for path in (PACKAGE / "models").glob("*.py")}
    assert [name for name, text in texts.items() if re.search(foreign, text, re.M)] == []


def test_few_files_are_at_the_root() -> None:
    files = [path.name for path in PACKAGE.iterdir() if path.is_file()]
    assert len(files) <= MOST_FILES_AT_THE_ROOT, files


def test_functions_are_short() -> None:
    long = {name: lines for name, one in functions() if (lines := lines_of(one)) > MOST_LINES}
    assert long == {}


def test_signatures_are_short() -> None:
    named = targets()
    many = {name: count for name, one in functions() if (count := parameters_of(one)) > MOST_PARAMETERS}
    assert {name: count for name, count in many.items() if name.removesuffix(".__init__") not in named} == {}
