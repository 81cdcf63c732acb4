"""export: hand a finished run to another runtime, in a folder that needs no sweepformer."""

import argparse
from pathlib import Path

from sweepformer.commands.finished_runs import add_usual, carry_out, parser_of

FORMATS = ("onnx", "torch", "safetensors", "transformers")


def main() -> None:
    """The command line."""
    carry_out(parser(), _export)


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    parser = parser_of(
        "export",
        "Write a finished run into one folder: weights, tokenizer, labels, a program that uses them and a README with "
        "the lines that load it. Its answers are compared with the run's on the test split first.",
        usage="RUN [--format FORMAT] [options]",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="onnx",
        help="onnx: for onnxruntime (default); torch: a graph for torch.export.load; safetensors: weights and their "
        "torch code; transformers: the same for Hugging Face's library",
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="default: export/FORMAT in the run's directory")
    parser.add_argument("--int8", action="store_true", help="onnx: round the weights to 8 bits, and say what it costs")
    add_usual(parser, device=False)
    return parser


def _export(options: argparse.Namespace) -> None:
    from sweepformer.export.bundle import export  # torch loads here, so that --help need not wait for it

    made = export(options.run, options.format, options.output, options.int8, options.allow)
    for line in (made.chosen, *made.trial.lines):
        if line:
            print(line)
    print(f"{made.folder}: see README.md in it")
