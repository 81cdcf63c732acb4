"""What was asked, and what is allowed: options, rules, targets, presets, composing, values by the rows."""
