"""What is printed, whoever prints it: tables, progress bars, the commands that messages advise."""
