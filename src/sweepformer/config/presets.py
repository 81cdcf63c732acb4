"""Where presets are: the package's own, and a project's in the folder that a command is typed in.

This module must stay quick to import: `--help` waits for it.
"""

import sys
from pathlib import Path
from typing import Any

_INSIDE = Path(__file__).parents[1] / "conf"
IS_CLONE = _INSIDE.is_symlink()  # to the repository's conf/; where a wheel was installed, a folder
CONF = _INSIDE.resolve()  # so that messages name the file that can be edited
_OPTIONS = ("*/*.yaml", "hydra/*/*.yaml", "hydra/*/*/*.yaml")
_NOT_GROUPS = ("shared",)


def project_conf() -> Path | None:
    """The `conf/` of the working directory, if there is one and it isn't the package's itself."""
    found = Path("conf").absolute()
    return found if found.is_dir() and found.resolve() != CONF else None


def add_project(search_path: Any) -> None:
    """Let Hydra look for presets in a project's `conf/`, after the package's.

    search_path: Hydra's ConfigSearchPath of a command.
    """
    ours = any(element.path == str(CONF) for element in search_path.get_path())  # other programs use Hydra too
    project = project_conf()
    if not ours or project is None:
        return
    search_path.append("project", f"file://{project}")
    inside = (path.relative_to(project) for path in sorted(project.rglob("*.yaml")))
    if hidden := [path for path in inside if (CONF / path).exists()]:  # Hydra takes the package's
        names = ", ".join(f"conf/{path}" for path in hidden)
        print(f"warning: {names}: not used, sweepformer has presets of that name. Rename yours.", file=sys.stderr)


def groups() -> dict[str, dict[str, Path]]:
    """Every config group with the files of its options by name, those of the project here included."""
    found: dict[str, dict[str, Path]] = {}
    for conf in filter(None, (CONF, project_conf())):
        for pattern in _OPTIONS:
            for file in sorted(conf.glob(pattern)):
                group = file.parent.relative_to(conf).as_posix()
                found.setdefault(group, {}).setdefault(file.stem, file)
    return {group: found[group] for group in sorted(found) if group not in _NOT_GROUPS}
