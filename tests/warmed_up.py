"""For the process that commands of tests are forked from: loads, when it is imported, what commands load."""

import forked_commands  # noqa: F401  # where a fork begins
import torch

from benchmarks.soak.processes import warm_up
from sweepformer.training.callbacks.throughput import peak_flops

warm_up()
peak_flops(torch.device("cpu"), "32-true")  # measured once a process, which takes a while
