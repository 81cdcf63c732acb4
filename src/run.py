"""python -m src.run: train one run, or with -m a sweep."""

import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from omegaconf import DictConfig

from sweepformer.config import register
from sweepformer.errors import UserError
from sweepformer.help import print_help, wants_help

CONF = Path(__file__).parents[1] / "conf"


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def _run_job(cfg: DictConfig) -> float | None:
    """One job of Hydra's: its return value is what optimising sweepers compare."""
    from sweepformer.experiment import run  # torch loads here, so that --help need not wait for it

    try:
        return run(cfg)
    except UserError as error:
        raise CompactHydraException(f"Error: {error}") from None
    except Exception as error:
        where = f"{HydraConfig.get().runtime.output_dir}/run.log"
        message = f"Error: {type(error).__name__}: {error}\nThis was not expected. The traceback is in {where}"
        raise CompactHydraException(message) from None


def main() -> None:
    """The command line."""
    register()
    if wants_help(sys.argv[1:]):
        print_help(CONF, sys.argv[1:])
        return
    try:
        _run_job()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
