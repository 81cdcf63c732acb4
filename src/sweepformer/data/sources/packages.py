"""Data that travels inside a Python package, read from its files: nothing of the package is run."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from sweepformer.errors import UserError
from sweepformer.screen.command_line import install_line


def package_folder(package: str, extra: str) -> Path:
    """Where a package's files are.

    Raises:
        UserError: it is not installed; says which extra brings it.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise UserError(f"this data is carried by the package {package}: {install_line(extra)}")
    return Path(spec.origin).parent


def package_fingerprint(package: str, extra: str) -> str:
    """A package's files change only with its version."""
    package_folder(package, extra)
    return f"{package}=={version(package)}"
