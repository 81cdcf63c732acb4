"""What can be typed: a verb a file; `verbs` holds the list of them."""
