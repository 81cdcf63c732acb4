"""Warnings that tell users nothing."""

import logging
import warnings


def silence_known_warnings() -> None:
    """Warnings that advise against what is done here on purpose, each for its reason."""
    # Batches are one gather from a memory map: workers would cost more than they save.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # A run that goes on writes where it wrote before.
    warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", message=".*Experiment logs directory .* exists and is not empty.*")
    # Short epochs are logged at their end anyway.
    warnings.filterwarnings("ignore", message=".*The number of training batches .* is smaller than the logging.*")
    # The batch plan resumes from Lightning's own counters, which Lightning doesn't look for.
    warnings.filterwarnings("ignore", message=".*your dataloader is not resumable.*")
    # The first steps may be skipped, under 16-mixed nearly always, and the schedule goes on.
    warnings.filterwarnings("ignore", message=".*Detected call of `lr_scheduler.step.* before `optimizer.step.*")
    # Lightning's own use of what torch deprecates.
    warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*")
    # What labels become for training is the task's business, not the data's.
    warnings.filterwarnings("ignore", message=".*You have overridden `on_before_batch_transfer` in.*")
    # The summary's size in MB is for 32 bits, whatever the precision.
    warnings.filterwarnings("ignore", message=".*is not supported by the model summary.*")
    # Pictures show a box for what their font lacks, such as emoji.
    warnings.filterwarnings("ignore", message=".*Glyph .* missing from.*")
    for name in ("matplotlib", "pytorch_lightning.utilities.rank_zero", "pytorch_lightning.accelerators.cuda"):
        logging.getLogger(name).setLevel(logging.WARNING)
