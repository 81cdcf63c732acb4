"""What turns a task into a training run: parameter groups, schedules, precision, callbacks."""
