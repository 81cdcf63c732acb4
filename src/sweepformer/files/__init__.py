"""Files that are whole or absent: atomic writes, locks, staying inside a folder, checkpoint files."""
