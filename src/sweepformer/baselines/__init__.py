"""Models without gradients, fitted in one go: what a transformer has to beat to be worth its while."""
