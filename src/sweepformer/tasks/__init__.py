"""One LightningModule a task."""
