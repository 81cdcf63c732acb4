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
from sweepformer.export.contents import contents
from sweepformer.export.graphs import (
    Answering,
    check_is_there,
    quantize,
    trace,
    write_onnx,
    write_torch,
)
from sweepformer.export.hugging_face import (
    PREFIX,
    check_reads_so,
    config_keys,
    write_for_transformers,
)
from sweepformer.export.label_kinds import LABELS
from sweepformer.export.trial import Examiner, Trial
from sweepformer.export.weights import CODE, is_own, write_code, write_weights
from sweepformer.files.atomic import SEAL, new_folder, seal
from sweepformer.files.templates import render
from sweepformer.inference.artifact import Artifact, is_bundled, read_artifact
from sweepformer.inference.loading import answers_of, kind_named, network_reader
from sweepformer.inference.readers import NetworkReader
from sweepformer.runs.finding import Found, find

FORMATS = ("onnx", "torch", "safetensors", "transformers")
CPU = torch.device("cpu")


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
        form: one of `FORMATS`.
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
    if form == "transformers":
        check_reads_so(about["reads"])
        if not is_own(reader.model):
            raise UserError("--format transformers is for sweepformer's own models. Use another format.")
        about |= config_keys(LABELS[kind.labelled], artifact.classes)
    try:
        with new_folder(folder) as building:
            _write_model(building, artifact, kind, reader, about)
            _write_rest(building, artifact, reader, about)
            examiner = Examiner(artifact, kind, reader, answers_of(artifact, kind, CPU), found.run, allowed)
            trial = examiner.examine(building)
            if int8:
                quantize(building / "model.onnx")
                trial = examiner.examine_rounded(building, trial)
            _forget_bytecode(building)
            seal(building)  # but for the README, to which one may add
            (building / "README.md").write_text(
                readme(folder.name, about, len(artifact.classes), trial), encoding="utf-8"
            )
    except FileExistsError as error:
        raise UserError(f"{folder} is there already. Remove it, or give another with --output.") from error
    except OSError as error:
        raise UserError(f"{folder} can't be written ({error.strerror}). Give another with --output.") from error
    return Bundle(folder, found.chosen, trial)


def readme(name: str, about: dict[str, Any], classes: int, trial: Trial) -> str:
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


def _forget_bytecode(folder: Path) -> None:
    """Which Python has kept of the code in it while that was tried out."""
    for left in list(folder.rglob("__pycache__")):
        shutil.rmtree(left)


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
    form = about["format"]
    if form in ("onnx", "torch"):
        most = reader.truncation.max_length
        labels = LABELS[kind.labelled]
        program = trace(Answering(reader.model, labels, artifact.task), most)
        if form == "onnx":
            write_onnx(program, folder / "model.onnx", labels.answer, most)
        else:
            write_torch(program, folder / "model.pt2")
        return
    write_weights(folder / "model.safetensors", reader.model, PREFIX if form == "transformers" else "")
    if form == "transformers":
        write_for_transformers(folder, reader.tokenizer, about["reads"])
    elif is_own(reader.model):
        write_code(folder / CODE)


def _write_rest(folder: Path, artifact: Artifact, reader: NetworkReader, about: dict[str, Any]) -> None:
    for name, content in (("config.json", about), ("labels.json", artifact.classes)):
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "tokenizer.json").write_text(reader.tokenizer.to_str(pretty=True), encoding="utf-8")
    program = files("sweepformer.inference") / "bundle_predict.py"
    (folder / "predict.py").write_text(program.read_text(encoding="utf-8"), encoding="utf-8")
