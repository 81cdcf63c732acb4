"""What `--help` prints: every group, every option with the comment that its YAML begins with, every key.

Hydra's own help makes a copy of its whole config repository for each group and takes over a second.
"""

import sys
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf

HEADER = """sweepformer trains transformer encoders on labelled sequences.

  python -m src.run                                            train on the built-in data
  python -m src.run model=base trainer.max_epochs=5            choose and override
  python -m src.run data=files data.train_file=train.csv       train on your own rows
  python -m src.run -m model.num_layers=2,4 model.dropout=0.1,0.3   sweep: every combination
  python -m src.run --cfg job                                  show the config, run nothing
"""
NOT_GROUPS = ("shared", "hydra")


def wants_help(arguments: list[str]) -> bool:
    """Whether the command asks for help."""
    return bool({"--help", "-h"} & set(arguments))


def print_help(conf: Path, arguments: list[str]) -> None:
    """Print the help; overrides among the arguments show in the config at its end."""
    print(HEADER)
    print("== Config groups: choose with group=option ==")
    folders = [folder for folder in conf.iterdir() if folder.is_dir() and folder.name not in NOT_GROUPS]
    for group in [*sorted(folders), conf / "hydra" / "launcher", conf / "hydra" / "sweeper"]:
        print(group.relative_to(conf))
        for option in sorted(group.glob("*.yaml")):
            print(f"  {option.stem:<24} {first_comment(option)}")
    print("\n== Config: override with key=value ==")
    overrides = [argument for argument in arguments if not argument.startswith("-")]
    try:
        with initialize_config_dir(str(conf), version_base="1.3"):
            print(OmegaConf.to_yaml(compose("config", overrides)))
    except HydraException as error:
        sys.exit(str(error))
    print("Flags of Hydra itself: python -m src.run --hydra-help")


def first_comment(option: Path) -> str:
    """The line that says what an option is for."""
    lines = option.read_text(encoding="utf-8").splitlines()
    return next((line[2:] for line in lines if line.startswith("# ") and "@package" not in line), "")
