"""Pure torch modules: they know nothing of Lightning or of Hydra."""
