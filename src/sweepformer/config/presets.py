"""Where presets are: the package's own, and a project's in the folder that a command is typed in.

This module must stay quick to import: `--help` waits for it.
"""

from pathlib import Path

_INSIDE = Path(__file__).parents[1] / "conf"
IS_CLONE = _INSIDE.is_symlink()  # to the repository's conf/; where a wheel was installed, a folder
CONF = _INSIDE.resolve()  # so that messages name the file that can be edited
_OPTIONS = ("*/*.yaml", "hydra/*/*.yaml", "hydra/*/*/*.yaml")
_NOT_GROUPS = ("shared",)


def project_conf() -> Path | None:
    """The `conf/` of the working directory, if there is one and it isn't the package's itself."""
    found = Path("conf").absolute()
    return found if found.is_dir() and found.resolve() != CONF else None


def hidden_presets(project: Path) -> list[Path]:
    """What a project's `conf/` holds in vain: of two presets of one name Hydra takes the package's."""
    inside = (path.relative_to(project) for path in sorted(project.rglob("*.yaml")))
    return [path for path in inside if (CONF / path).exists()]


def groups() -> dict[str, dict[str, Path]]:
    """Every config group with the files of its options by name, those of the project here included."""
    found: dict[str, dict[str, Path]] = {}
    for conf in filter(None, (CONF, project_conf())):
        for pattern in _OPTIONS:
            for file in sorted(conf.glob(pattern)):
                group = file.parent.relative_to(conf).as_posix()
                found.setdefault(group, {}).setdefault(file.stem, file)
    return {group: found[group] for group in sorted(found) if group not in _NOT_GROUPS}
