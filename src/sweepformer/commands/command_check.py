"""Says clearly what is wrong with a command: before Hydra stumbles over it, or after."""

import errno
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import CompactHydraException, HydraException, OverrideParseException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError, safe_load

from sweepformer.config.plain import renaming
from sweepformer.errors import UserError, hint, is_out_of_memory
from sweepformer.screen.command_line import install_line

EXTRAS = {  # what a preset of conf/hydra needs, and the extra that installs it
    "ray": ("ray", "ray"),
    "submitit_local": ("submitit", "slurm"),
    "submitit_slurm": ("submitit", "slurm"),
    "optuna": ("optuna", "optuna"),
}


class CheckCommand(Callback):
    """Ends the command if `hydra.run.dir` or `hydra.sweep.dir` can't be written, or an extra is missing.

    It exits instead of raising, because Hydra turns a callback's exceptions into warnings.
    """

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        _check_directory(config, "run")

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        if "LOCAL_RANK" in os.environ:
            sys.exit(
                f"Error: LOCAL_RANK={os.environ['LOCAL_RANK']} is set: this command is one of several processes, and "
                "each would run the whole sweep. Start a sweep once, without torchrun and without LOCAL_RANK."
            )
        for kind in ("launcher", "sweeper"):
            choice = config.hydra.runtime.choices.get(f"hydra/{kind}")
            module, extra = EXTRAS.get(choice or "", ("", ""))
            if module and find_spec(module) is None:
                sys.exit(f"Error: hydra/{kind}={choice} needs the extra [{extra}]: {install_line(extra)}")
        _check_directory(config, "sweep")


def explain(error: Exception, conf: Path) -> str:
    """What an error means to somebody who typed a command."""
    if isinstance(error, UserError):
        return f"Error: {error}"
    if isinstance(error, OverrideParseException) and "mismatched input '='" in str(error):
        key, _, value = str(error.override).partition("=")
        return f"Error: {error.override}: a value with a = in it needs quotes of its own, as in '{key}=\"{value}\"'."
    if isinstance(error, OverrideParseException):
        reason = str(error).splitlines()[0].removeprefix("LexerNoViableAltException: ")
        return (
            f"Error: {error.override}: this is no override ({reason}). Write KEY=VALUE, and a value with "
            "special characters in quotes of its own: 'KEY=\"VALUE\"'."
        )
    if told := _in_our_words(f"{error}\n{error.__cause__}"):
        return f"Error: {told}"
    told = "\n".join([str(error), *getattr(error, "__notes__", ())])  # Hydra 1.4 notes the key
    unexpected = re.search(r"unexpected keyword argument '(\w+)'.*full_key: (\S+)", told, re.DOTALL)
    if isinstance(error, CompactHydraException | TypeError) and unexpected:
        return _unknown_key(f"{unexpected[2]}.{unexpected[1]}", conf)
    in_a_file = re.search(r"^Key '.*' not in .*full_key: (\S+)", told, re.DOTALL | re.MULTILINE)
    if in_a_file and (renamed := renaming(in_a_file[1])):
        return f"Error: {renamed}"
    if isinstance(error, CompactHydraException):
        if unknown := re.match(r"Could not override '([^']+)'", str(error)):
            return _unknown_key(unknown[1], conf)
        cause = error.__cause__
        more = f"\n{cause}" if isinstance(cause, OmegaConfBaseException) and str(cause) not in str(error) else ""
        return f"{error}{more}"
    if system := explain_system(error):
        return system
    if isinstance(error, ValueError) and "Config group override must be" in str(error):
        return "Error: a config group takes the name of one option, as in model=small, and not null: --help lists them."
    too_long = re.search(r"integer string conversion|int too large to convert to float\s+full_key: (\S+)", str(error))
    if isinstance(error, ValueError | OverflowError) and too_long:
        return (
            f"Error: {too_long[1] or 'a value'} is a number of hundreds of digits, which no key takes. If it is meant "
            "as text, give it quotes of its own: 'KEY=\"VALUE\"'."
        )
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return (
            f"Error: {mark.name}, line {mark.line + 1}, column {mark.column + 1}: this is not YAML ({error.problem})."
        )
    if isinstance(error, YAMLError | UnicodeDecodeError):
        return f"Error: a config file is not YAML in UTF-8: {error}"
    return (
        f"Error: {type(error).__name__}: {error}\n"
        "This was not expected. Set the environment variable HYDRA_FULL_ERROR=1 to see the traceback."
    )


def _in_our_words(told: str) -> str | None:
    """What Hydra says in words that send one in a circle, or without what is allowed; None for all else."""
    if several := re.match(r"Ambiguous value for argument '(.*?)=(.*)'\n", told):
        key, value = several.groups()
        return (
            f"{key}={value}: several values. For a run with each add -m; for a list type '{key}=[{value}]', "
            f"and for one text '{key}=\"{value}\"'."
        )
    if absent := re.match(r"Could not delete from config\. '([^']+)' does not exist", told):
        return renaming(absent[1]) or f"~{absent[1]}: there is no such key here, so there is nothing to leave out."
    if wrong := re.search(r"Invalid value '(.*)', expected one of \[(.*)\]\s+full_key: (\S+)", told):
        value, allowed, key = wrong.groups()
        null = "; null: as the metric has it" if key.endswith((".mode", ".direction")) else ""
        return f"{key}={value} is not one of {allowed}{null}.{hint(value, allowed.split(', '))}"
    if "Incompatible key type" in told and (keyed := re.search(r"override (\S+?)=", told)):
        return f"{keyed[1]}: null can't be a key. In quotes it is the class of that name: '{keyed[1]}={{\"null\": 3}}'."
    return None


def explain_system(error: Exception) -> str | None:
    """What to do when the machine itself is at its end; None if it isn't."""
    text = str(error)
    if (isinstance(error, OSError) and error.errno == errno.ENOSPC) or "No space left on device" in text:
        return "Error: the disk is full. Free some space; the same command then goes on from the last checkpoint."
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"Error: {error.filename}: {error.strerror}. This run needs it: check the path, or choose another."
    if is_out_of_memory(error):
        what = text.splitlines()[0] if text else type(error).__name__
        return (
            f"Error: out of memory ({what}). trainer.auto_micro_batch=true splits batches that don't fit. Or lower "
            "data.batch_size and raise trainer.accumulate_grad_batches instead, lower model.max_length, or choose a "
            "smaller model."
        )
    return None


def with_quotes(arguments: Iterable[str]) -> list[str]:
    """The arguments, with quotes of their own around values that Hydra's grammar would not take as the texts that they
    are: `Sentence #`, `;`, a path with an accent. What looks like a list, a choice or a formula is left alone."""
    return [_quoted(argument) for argument in arguments]


def _quoted(argument: str) -> str:
    key, equals, value = argument.partition("=")
    is_plain = value == "," or not re.search(r"[\[\]{}\"'=,$\\]|^\w+\(", value)
    if argument.startswith("-") or not equals or not value or not is_plain:
        return argument
    parser = OverridesParser.create()
    try:
        parser.parse_override(argument)
    except HydraException:
        return f'{key}="{value}"'
    return argument


def flags_first(arguments: list[str]) -> list[str]:
    """The arguments with all overrides behind all flags: argparse takes no more overrides after a flag among them."""
    before = ["", *arguments]
    is_override = [
        re.match("~|[^-].*=", one) is not None and not re.fullmatch("--config-(dir|path|name)|-c[dpn]", last)
        for last, one in zip(before, arguments, strict=False)
    ]
    both = list(zip(is_override, arguments, strict=True))
    return [one for is_one, one in both if not is_one] + [one for is_one, one in both if is_one]


def with_keys_as_typed(argument: str) -> str:
    """`task.class_weights={...}` as one text, which the run reads: Hydra would take `True` or `1e3` for no names, and
    refuse those with commas, quotes or the name null."""
    key, _, value = argument.partition("=")
    if key.lstrip("+") != "task.class_weights" or not re.fullmatch(r"\{[^{}]*\}", value):
        return argument
    escaped = re.sub(r"(\\*)(\"|$)", lambda found: found[1] * 2 + (found[2] and "\\" + found[2]), value)
    return f'{key}="{escaped}"'


def check_characters(arguments: list[str]) -> None:
    """End the command if it holds bytes that are no UTF-8: they could not be written into the run's files."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            sys.exit(f"Error: {argument!a}: this is not UTF-8. Check the terminal's encoding, or rename the file.")


def _unknown_key(key: str, conf: Path) -> str:
    """Hydra would advise to add the key with a plus, which hides a typo."""
    if renamed := renaming(key):
        return f"Error: {renamed}"
    # The first run has the keys of any other, but names only those that are different about it.
    prefix = "pretrain." if key.startswith("pretrain.") else ""
    asked = key.removeprefix(prefix)
    known = {path.name for path in conf.iterdir() if path.is_dir()}
    owners = []
    for file in sorted(conf.rglob("*.yaml")):
        group = file.parent.relative_to(conf).as_posix().lstrip(".")
        if group in ("experiment", "debug"):  # which only repeat the keys of others
            continue
        text = file.read_text(encoding="utf-8")
        keys = set(_keys(safe_load(text), "" if text.startswith("# @package _global_") else group.replace("/", ".")))
        if asked in keys:
            owners.append(f"{group}={file.stem}")
        known |= keys
    if owners and prefix and not asked.startswith("task."):  # its task is all its own
        return f"Error: {key}: it is the same as {asked} so far. Add it with +{key}=... to have another."
    if owners:
        return f"Error: {key}: there is no such key here. It belongs to {' and '.join(sorted(owners))}."
    for part in ("launcher", "sweeper"):
        chosen = next((one.partition("=")[2] for one in sys.argv if one.startswith(f"hydra/{part}=")), None)
        preset = conf / "hydra" / part / f"{chosen}.yaml"
        if key.startswith(f"hydra.{part}.") and preset.exists():
            here = [one for one in safe_load(preset.read_text(encoding="utf-8")) if one not in ("_target_", "defaults")]
            near = hint(key.rpartition(".")[2], here, f"hydra.{part}.")
            return f"Error: {key}: there is no such key. hydra/{part}={chosen} has: {', '.join(here)}.{near}"
    advice = hint(asked, known, prefix) or f" Add it with +{key}=... if you mean a new one."
    return f"Error: {key}: there is no such key.{advice}"


def _keys(node: Any, prefix: str) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            key = f"{prefix}.{name}".lstrip(".")
            yield key
            yield from _keys(value, key)


def _check_directory(config: DictConfig, kind: str) -> None:
    try:
        path = Path(config.hydra[kind].dir)
    except OmegaConfBaseException as error:
        sys.exit(f"Error: {str(error.__cause__ or error).splitlines()[0]}")
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        advice = f"Choose another place with hydra.{kind}.dir=..."
        sys.exit(f"Error: hydra.{kind}.dir={path} can't be written ({error.strerror}). {advice}")
