"""export: hand a finished run to another runtime, in a folder that needs no sweepformer."""

import argparse
import logging
from pathlib import Path

from sweepformer.commands.endings import in_one_message
from sweepformer.screen.command_line import command_line

FORMATS = ("onnx", "torch", "safetensors", "transformers")


def main() -> None:
    """The command line."""
    options = parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with in_one_message():
        from sweepformer.export.bundle import export  # torch loads here, so that --help need not wait for it

        made = export(options.run, options.format, options.output, options.int8, options.allow)
        for line in (made.chosen, *made.trial.lines):
            if line:
                print(line)
        print(f"{made.folder}: see README.md in it")


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    parser = argparse.ArgumentParser(
        prog=command_line("export"),
        usage="%(prog)s RUN [--format FORMAT] [options]",
        description="Write a finished run into one folder: weights, tokenizer, labels, a program that uses them and a "
        "README with the lines that load it. Its answers are compared with the run's on the test split first.",
    )
    parser.add_argument("run", metavar="RUN", help="a run's directory, a sweep's (its best run), or a checkpoint")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="onnx",
        help="onnx: for onnxruntime (default); torch: a graph for torch.export.load; safetensors: weights and their "
        "torch code; transformers: the same for Hugging Face's library",
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="default: export/FORMAT in the run's directory")
    parser.add_argument("--int8", action="store_true", help="onnx: round the weights to 8 bits, and say what it costs")
    parser.add_argument(
        "--allow", action="append", default=[], metavar="PACKAGE", help="a package of your own whose code the run uses"
    )
    return parser
