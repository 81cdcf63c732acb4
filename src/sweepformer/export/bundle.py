"""A bundle: one folder with all that is needed to use a run, made whole or not at all. The story on one page."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import torch

from sweepformer.config.kinds import Kind, LabelKind
from sweepformer.config.targets import trusting
from sweepformer.errors import UserError
from sweepformer.export.contents import contents, write_model
from sweepformer.export.graphs import Answering, check_is_there, quantize, trace, write_onnx
from sweepformer.export.label_kinds import LABELS
from sweepformer.export.trial import CPU, Examiner, Trial
from sweepformer.files.atomic import SEAL, new_folder, seal
from sweepformer.files.templates import render
from sweepformer.inference.artifact import Artifact, is_bundled, read_artifact
from sweepformer.inference.loading import kind_named, network_reader
from sweepformer.inference.readers import NetworkReader
from sweepformer.runs.finding import Found, find


@dataclass(frozen=True)
class Bundle:
    """What was made. chosen: how the run was, in words; trial: how its answers compare with the run's."""

    folder: Path
    chosen: str
    trial: Trial


def export(
    given: str, form: str, output: Path | None = None, int8: bool = False, allowed: Sequence[str] = ()
) -> Bundle:
    """Write a run's model, tokenizer, labels and a program that uses them into one folder, and try it out.

    Args:
        given: a run's directory, a sweep's (its best run), or a checkpoint.
        form: one of those in `graphs.NEEDED`.
        output: the folder, which must not be there; None: `export/<form>` in the run's directory.
        int8: round the weights of an ONNX file to 8 bits.
        allowed: packages whose code the run may use.

    Raises:
        UserError: there is no such run, it has no result, its task has no labels to give, the folder is there, what
            the format needs is not installed, or the folder's answers are not the run's.
    """
    if int8 and form != "onnx":
        raise UserError(f"--int8 is for --format onnx, and {form} was asked for.")
    found = find(given)
    check_is_there(form)
    if is_bundled(found.checkpoint):
        raise UserError(f"{given} has been exported already: name the run that it was made of.")
    artifact = read_artifact(found)
    with trusting(allowed):
        kind = kind_named(artifact.config["task"])
        _check_can_be_exported(artifact, kind)
        folder = (output or _usual_folder(found, f"{form}-int8" if int8 else form)).absolute()
        reader = network_reader(artifact, kind, CPU, "32-true")
    about = contents(artifact, kind, reader, form)
    try:
        with new_folder(folder) as building:
            _write_model(building, artifact, kind, reader, about)
            for name, content in (("config.json", about), ("labels.json", artifact.classes)):
                _write(building / name, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
            _write(building / "tokenizer.json", reader.tokenizer.to_str(pretty=True))
            _write(building / "predict.py", (files("sweepformer.inference") / "bundle_predict.py").read_text("utf-8"))
            examiner = Examiner(artifact, kind, reader, found.run, allowed)
            trial = examiner.examine(building)
            if int8:
                quantize(building / "model.onnx")
                trial = examiner.examine_rounded(building, trial)
            for left in list(building.rglob("__pycache__")):  # of the code in it, which was tried out
                shutil.rmtree(left)
            seal(building)  # but for the README, to which one may add
            _write(building / "README.md", _readme(folder.name, about, len(artifact.classes), trial))
    except FileExistsError as error:
        raise UserError(f"{folder} is there already. Remove it, or give another with --output.") from error
    except OSError as error:
        raise UserError(f"{folder} can't be written ({error.strerror}). Give another with --output.") from error
    return Bundle(folder, found.chosen, trial)


def _readme(name: str, about: dict[str, Any], classes: int, trial: Trial) -> str:
    """Markdown, with the lines that load the bundle. about: what its config.json says; classes: how many there are."""
    model = about.get("model")
    labels = LABELS[LabelKind(about["labelled"])]
    return render(
        "export/README.md.jinja",
        name=name,
        form=about["format"],
        labels=labels,
        says=Template(labels.says).substitute(count=classes),
        pairs=about["reads"]["pairs"],
        own_module=model["module"] if model and model["code"] is None else None,
        seal=SEAL,
        trial=trial,
        transform=(about["run"]["data"].get("transform") or {}).get("_target_"),
    )


def _check_can_be_exported(artifact: Artifact, kind: Kind) -> None:
    if artifact.is_baseline:
        name = artifact.config["model"]["_target_"].rpartition(".")[2]
        raise UserError(
            f"{artifact.origin}: {name} is a baseline without a network, which other runtimes can't run. Use it with "
            "sweepformer.load, or export a transformer or model=bag_of_ngrams."
        )
    if kind.is_language_model:
        raise UserError(
            f"{artifact.origin} is a language model, which has no labels to give. Train a task that has, beginning "
            "with it (model.init_from=RUN), and export that run."
        )


def _usual_folder(found: Found, name: str) -> Path:
    if found.run is None:
        raise UserError(f"{found.checkpoint} stands outside of a run's directory: say where to, with --output FOLDER.")
    return found.run.path / "export" / name


def _write_model(folder: Path, artifact: Artifact, kind: Kind, reader: NetworkReader, about: dict[str, Any]) -> None:
    if "model" in about:
        write_model(folder, reader.model, reader.tokenizer, about)
        return
    most, labels = reader.truncation.max_length, LABELS[kind.labelled]
    program = trace(Answering(reader.model, labels, artifact.task), most)
    if about["format"] == "onnx":
        write_onnx(program, folder / "model.onnx", labels.answer, most)
    else:
        torch.export.save(program, folder / "model.pt2")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
