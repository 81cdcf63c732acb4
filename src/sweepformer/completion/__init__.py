"""What may come next on a command line, for the shell's TAB."""
