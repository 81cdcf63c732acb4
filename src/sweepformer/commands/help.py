"""What `--help` prints: every group, every option with the comment that its YAML begins with, every key.

Hydra's own help makes a copy of its whole config repository for each group and takes over a second.
"""

import sys
from pathlib import Path

from hydra.errors import HydraException
from omegaconf import OmegaConf

from sweepformer.commands.hydra_setup import composed
from sweepformer.config.presets import groups
from sweepformer.screen.command_line import command_line

EXAMPLES = {
    "": "train on the built-in data",
    "model=base trainer.max_epochs=5": "choose and override",
    "data=files data.train_file=train.csv": "train on your own rows",
    "-m model.num_layers=2,4 model.dropout=0.1,0.3": "sweep: every combination",
    "--from-run outputs/mine/RUN": "repeat a run, and say whether the result is the same",
    "--cfg job": "show the config, run nothing",
}


def wants_help(arguments: list[str]) -> bool:
    """Whether the command asks for help."""
    return bool({"--help", "-h"} & set(arguments))


def print_help(arguments: list[str]) -> None:
    """Print the help; overrides among the arguments show in the config at its end."""
    run = command_line("run")
    print("sweepformer trains transformer encoders on labelled sequences.\n")
    for example, purpose in EXAMPLES.items():
        print(f"  {run} {example:<46} {purpose}")
    print("\n== Config groups: choose with group=option ==")
    for group, options in groups().items():
        print(group)
        for option, file in options.items():
            print(f"  {option:<24} {first_comment(file)}")
    print("\n== Config: override with key=value ==")
    overrides = [argument for argument in arguments if "=" in argument and not argument.startswith("-")]
    try:
        print(OmegaConf.to_yaml(composed(overrides)))
    except HydraException as error:
        sys.exit(str(error))
    print(f"Flags of Hydra itself: {run} --hydra-help")


def first_comment(option: Path) -> str:
    """The line that says what an option is for."""
    lines = option.read_text(encoding="utf-8").splitlines()
    return next((line[2:] for line in lines if line.startswith("# ") and "@package" not in line), "")
