"""From raw rows to batches: sources, splits, tokenizer, store, batches, data module."""
