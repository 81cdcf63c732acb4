"""python -m src.run: train one run, or with -m a sweep."""

from pathlib import Path

import hydra
from hydra.errors import CompactHydraException
from omegaconf import DictConfig

from sweepformer import config
from sweepformer.errors import UserError

config.register()


@hydra.main(version_base="1.3", config_path=str(Path(__file__).parents[1] / "conf"), config_name="config")
def main(cfg: DictConfig) -> float | None:
    """Run one job; its return value is what Hydra's optimising sweepers compare."""
    from sweepformer.experiment import run  # torch loads here, so that --help need not wait for it

    try:
        return run(cfg)
    except UserError as error:
        raise CompactHydraException(f"Error: {error}") from None


if __name__ == "__main__":
    main()
