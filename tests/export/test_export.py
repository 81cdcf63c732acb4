"""A run that is exported answers as it did, without sweepformer."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Cli
from finished_runs import rows_of_test

from sweepformer import UserError, load
from sweepformer.config.kinds import LabelKind
from sweepformer.export import graphs, trial
from sweepformer.export.bundle import Bundle, export
from sweepformer.export.label_kinds import LABELS
from sweepformer.files.checkpoints import read_checkpoint, write_checkpoint
from sweepformer.inference.bundle_predict import Labeller, open_weights

Finished = Callable[[str], Path]
Exported = Callable[[str, str], Bundle]
# Every way to read rows and to answer, and every format; ONNX takes six seconds of a core.
CASES = [
    *[("onnx", name) for name in ("class", "numbers", "wide")],
    *[("torch", name) for name in ("averaged", "windows", "sets", "tags", "bag")],
    *[("safetensors", name) for name in ("class", "windows", "tail", "pairs", "tags", "bag")],
    ("transformers", "half"),
]


@pytest.fixture(scope="module")
def exported(
    finished: Finished, tmp_path_factory: pytest.TempPathFactory, shared_cache: Path
) -> Callable[[str, str], Bundle]:
    """Call with a run's name and a format: the bundle."""
    made: dict[tuple[str, str], Bundle] = {}
    base = tmp_path_factory.mktemp("bundles")

    def get(name: str, form: str) -> Bundle:
        if (name, form) not in made:
            with pytest.MonkeyPatch.context() as now:
                now.setenv("SWEEPFORMER_CACHE", str(shared_cache))
                made[name, form] = export(str(finished(name)), form, base / f"{name}-{form}")
        return made[name, form]

    return get


@pytest.mark.parametrize(("form", "name"), CASES)
def test_a_bundle_answers_as_the_runs_own_test_did(
    finished: Finished, exported: Exported, form: str, name: str
) -> None:
    texts, said = rows_of_test(name, finished(name))
    made = exported(name, form)
    assert made.trial.rows == len(texts)
    assert not made.trial.made_up
    assert made.trial.difference <= 1e-4
    labeller = Labeller(made.folder)
    predictions = labeller.predict(texts)
    if name == "numbers":
        assert predictions == pytest.approx([row["prediction"] for row in said], abs=1e-3)
        return
    assert predictions == [row["prediction"] for row in said]
    if name != "tags":
        expected = [[row[f"probability_{one}"] for one in labeller.labels] for row in said]
        tolerance = 2e-2 if name in ("averaged", "half") else 1e-4  # what 16 bits are worth
        np.testing.assert_allclose(labeller.predict_proba(texts), expected, atol=tolerance)
        assert made.trial.recorded is not None
        assert made.trial.recorded <= tolerance


@pytest.mark.parametrize("form", ["onnx", "torch"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 2), (65, 33)])
def test_graphs_take_any_number_of_rows_of_any_length(exported: Exported, form: str, shape: tuple[int, int]) -> None:
    name = "class" if form == "onnx" else "averaged"
    weights, graph = Labeller(exported(name, "safetensors").folder), Labeller(exported(name, form).folder)
    random = np.random.default_rng(0)
    token_ids, padding = random.integers(4, 14, size=shape), np.zeros(shape, dtype=bool)
    padding[0, shape[1] // 2 + 1 :] = True
    np.testing.assert_allclose(graph.graph(token_ids, padding), weights.graph(token_ids, padding), atol=1e-5)


@pytest.mark.parametrize(
    ("form", "name"),
    [("onnx", "class"), ("torch", "sets"), ("safetensors", "tags"), ("safetensors", "pairs"), ("transformers", "half")],
)
def test_the_readmes_lines_run_without_sweepformer(exported: Exported, tmp_path: Path, form: str, name: str) -> None:
    folder = exported(name, form).folder
    readme = (folder / "README.md").read_text()
    blocks, shell = re.findall(r"```python\n(.*?)```", readme, flags=re.S), re.search("^or `(.*?)`", readme, flags=re.M)
    assert len(blocks) == 2
    assert shell is not None
    if form == "transformers":  # with positions that are no weights
        pytest.importorskip("transformers")
        blocks.append("assert np.abs(logits.softmax(1).detach().numpy() - labeller.predict_proba(rows)).max() < 1e-5")
    alone = "import sys\nsys.path.insert(0, '.')\nsys.modules['sweepformer'] = None  # importing it fails"
    last = f"import json, os\nprint(json.dumps([len(rows), *logits.shape]), flush=True)\nos.system({shell[1]!r})"
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    environment |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    program = "\n".join([alone, "import numpy as np", *blocks, last])
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=folder, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    labels = json.loads((folder / "labels.json").read_text())
    lines = done.stdout.splitlines()
    (shape,) = (line for line in lines if line.startswith("[2, "))
    assert json.loads(shape)[-1] == len(labels)
    rows: list[Any] = [["a", "text"], ["another"]] if name == "tags" else ["a text", "another"]
    rows = [("a text", "what it is compared with")] if name == "pairs" else rows
    answers = [json.loads(line.partition("\t")[0]) for line in lines[lines.index(shape) + 1 :]]
    assert answers == Labeller(folder).predict(rows)


@pytest.mark.parametrize(
    ("form", "name"), [("onnx", "class"), ("torch", "sets"), ("safetensors", "pairs"), ("onnx", "numbers")]
)
def test_a_bundle_is_loaded_as_a_run_is(finished: Finished, exported: Exported, form: str, name: str) -> None:
    texts, said = rows_of_test(name, finished(name))
    run = load(exported(name, form).folder, allowed_packages=["torch.export"] if form == "torch" else [])
    if name == "numbers":
        assert run.predict(texts) == pytest.approx([row["prediction"] for row in said], abs=1e-3)
        return
    assert run.predict(texts) == [row["prediction"] for row in said]
    if name != "tags":
        np.testing.assert_allclose(run.predict_proba(texts), load(finished(name)).predict_proba(texts), atol=1e-4)


class Evil:
    """Would leave a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch it-ran",)


def test_a_pt2_file_is_read_only_if_its_code_may_run(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch.export.load unpickles what is in it, for objects of all kinds."""
    monkeypatch.chdir(tmp_path)
    harmful = shutil.copytree(exported("sets", "torch").folder, tmp_path / "theirs")
    (harmful / "checksums.sha256").unlink()
    pickled = io.BytesIO()
    torch.save(Evil(), pickled)
    with zipfile.ZipFile(harmful / "model.pt2") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(harmful / "model.pt2", "w") as file:
        for name, content in parts.items():
            file.writestr(name, pickled.getvalue() if name.endswith(".pt") else content)
    with pytest.raises(UserError, match=r"model\.pt2: torch\.export runs code.*--allow torch\.export"):
        load(harmful)
    assert not (tmp_path / "it-ran").exists()


def test_a_bundle_cannot_pass_its_code_off_as_a_graph(exported: Exported, tmp_path: Path) -> None:
    """The file says what it is, and not the config beside it."""
    folder = shutil.copytree(exported("class", "onnx").folder, tmp_path / "theirs")
    about = json.loads((folder / "config.json").read_text())
    model = {"code": ".", "module": "harmful", "class": "Model", "prefix": "", "arguments": {}}
    (folder / "config.json").write_text(json.dumps(about | {"format": "safetensors", "model": model}))
    (folder / "checksums.sha256").unlink()  # anybody can write those of their own
    (folder / "harmful.py").write_text(f"import os\nos.system('touch {tmp_path}/it-ran')\n")
    shutil.copy(exported("class", "safetensors").folder / "model.safetensors", folder)
    assert load(folder).predict(["the apple is red"])
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"made_by": 5}', '{"made_by": {}, "run": []}', "[" * 100_000])
def test_a_damaged_bundle_is_told(exported: Exported, tmp_path: Path, content: str) -> None:
    folder = shutil.copytree(exported("class", "onnx").folder, tmp_path / "theirs")
    (folder / "config.json").write_text(content)
    (folder / "checksums.sha256").unlink()
    with pytest.raises(UserError, match="is no folder that sweepformer exported, or damaged"):
        load(folder)


def test_a_bundle_reads_and_writes_columns_as_its_run(finished: Finished, exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\nit is red and blue,blue;red\nit is green,green\n")
    written = []
    for place, run in enumerate((finished("sets"), exported("sets", "torch").folder)):
        report = load(run, device="cpu", allowed_packages=["torch.export"]).predict_file(
            tmp_path / "rows.csv", tmp_path / f"{place}.csv"
        )
        written.append((report.tally.counts, [line.split(",")[:3] for line in (tmp_path / f"{place}.csv").open()]))
    assert written[0] == written[1]


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "labels.json", "config.json"])
def test_a_bundle_that_is_not_as_it_was_written_is_refused(exported: Exported, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(exported("class", "safetensors").folder, tmp_path / "bundle")
    (folder / "README.md").write_text("What we use it for.")
    assert load(folder).predict(["red"])
    content = bytearray((folder / name).read_bytes())
    content[-20] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name} is not as it was written"):
        load(folder)
    (folder / name).unlink()
    with pytest.raises(UserError, match=r"bundle"):
        load(folder)


def test_what_a_bundle_needs_is_named(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    for form, package in (("onnx", "onnxruntime"), ("safetensors", "safetensors")):
        folder = exported("class", form).folder
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(UserError, match=rf"needs {package}: pip install .*\[export\]"):
            load(folder)


def test_what_transformers_reads_otherwise_than_the_run_is_told(exported: Exported) -> None:
    readme = (exported("pairs", "transformers").folder / "README.md").read_text()
    assert "leaves the odd token to the longer one" in readme


def test_a_bundle_of_a_newer_version_is_told(exported: Exported, tmp_path: Path) -> None:
    folder = shutil.copytree(exported("class", "safetensors").folder, tmp_path / "bundle")
    (folder / "checksums.sha256").unlink()
    about = json.loads((folder / "config.json").read_text())
    about["made_by"] = {"format": 1000, "sweepformer": "99.0"}
    (folder / "config.json").write_text(json.dumps(about))
    with pytest.raises(UserError, match=r"made by sweepformer 99\.0, a newer version"):
        load(folder)


def test_eight_bits_are_smaller_and_what_they_cost_is_told(
    finished: Finished, exported: Exported, tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPFORMER_CACHE", str(shared_cache))
    made = export(str(finished("class")), "onnx", tmp_path / "small", int8=True)
    whole = exported("class", "onnx").folder / "model.onnx"
    assert (made.folder / "model.onnx").stat().st_size < whole.stat().st_size
    assert made.trial.scores is not None
    measure, before, after = made.trial.scores
    texts, said = rows_of_test("class", finished("class"))
    predictions = Labeller(made.folder).predict(texts)
    assert measure == "accuracy"
    assert before == pytest.approx(np.mean([row["prediction"] == row["label"] for row in said]))
    assert after == pytest.approx(np.mean([one == row["label"] for one, row in zip(predictions, said, strict=True)]))
    assert f"with 8-bit weights: accuracy {after:.4f}" in (made.folder / "README.md").read_text()


def test_a_bundle_says_the_temperature_and_nothing_of_where_it_was_made(exported: Exported, finished: Finished) -> None:
    folder = exported("class", "safetensors").folder
    text = (folder / "config.json").read_text()
    assert json.loads(text)["answers"].get("temperature", 1.0) == pytest.approx(_temperature(finished("class")))
    assert str(finished("class").parent) not in "".join(
        path.read_text() for path in folder.rglob("*") if path.suffix in (".json", ".md", ".py")
    )


def test_a_checkpoint_by_itself_is_tried_out_on_made_up_rows(finished: Finished, tmp_path: Path) -> None:
    checkpoint = shutil.copy(_checkpoint(finished("class")), tmp_path / "model.ckpt")
    with pytest.raises(UserError, match="--output"):
        export(str(checkpoint), "safetensors")
    made = export(str(checkpoint), "safetensors", tmp_path / "bundle")
    assert made.trial.made_up
    assert made.trial.difference <= 1e-4
    assert made.trial.recorded is None
    expected = {
        "README.md",
        "checksums.sha256",
        "config.json",
        "labels.json",
        "model.safetensors",
        "model_code",
        "predict.py",
        "tokenizer.json",
    }
    assert {path.name for path in made.folder.iterdir()} == expected
    assert all(path.suffix == ".py" for path in (made.folder / "model_code").iterdir())
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_run_whose_data_is_gone_is_tried_out_on_made_up_rows(finished: Finished, tmp_path: Path) -> None:
    run = shutil.copytree(finished("tags"), tmp_path / "run")
    checkpoint = read_checkpoint(_checkpoint(run))
    checkpoint["sweepformer"]["config"]["data"]["train_file"] = str(tmp_path / "gone.conll")
    write_checkpoint(_checkpoint(run), checkpoint)
    made = export(str(run), "safetensors")
    assert "can't be read again" in made.trial.made_up
    assert "gone.conll" in made.trial.made_up
    assert made.folder == run / "export" / "safetensors"


def test_probabilities_are_of_logits_over_the_temperature(exported: Exported, tmp_path: Path) -> None:
    folder = shutil.copytree(exported("class", "safetensors").folder, tmp_path / "hot")
    about = json.loads((folder / "config.json").read_text())
    about["answers"]["temperature"] = 2.5
    (folder / "config.json").write_text(json.dumps(about))
    labeller = Labeller(folder)
    texts = ["the apple is red", "a house near a river"]
    expected = torch.tensor(np.stack(labeller.logits(texts))).div(2.5).softmax(1)
    np.testing.assert_allclose(labeller.predict_proba(texts), expected, atol=1e-6)
    network = open_weights(folder, about["model"])
    answering = graphs.Answering(network, LABELS[LabelKind.CLASS], {"temperature": torch.tensor(2.5)})
    logits, probabilities = answering(torch.tensor([[4, 5]]), torch.zeros(1, 2, dtype=torch.bool))
    torch.testing.assert_close(probabilities, (logits / 2.5).softmax(1))


def test_answers_that_are_not_the_runs_leave_nothing(
    finished: Finished, tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPFORMER_CACHE", str(shared_cache))
    wrong = Labeller.predict_proba
    monkeypatch.setattr(Labeller, "predict_proba", lambda self, rows: [one + 2e-4 for one in wrong(self, rows)])
    with pytest.raises(UserError, match=r"differ from the run's by 2\.0e-04"):
        export(str(finished("class")), "safetensors", tmp_path / "bundle")
    assert not list(tmp_path.iterdir())
    assert trial.LIMIT == 1e-4


def test_bad_commands(
    finished: Finished,
    exported: Exported,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = finished("class")
    unfinished = tmp_path / "unfinished"
    shutil.copytree(run, unfinished)
    (unfinished / "summary.json").unlink()
    there = tmp_path / "there"
    there.mkdir()
    bundle = exported("class", "safetensors").folder
    for command, expected in {
        (str(bundle), "--format", "torch"): "has been exported already",
        (str(tmp_path / "nowhere"),): "there is no such file or folder",
        (str(unfinished), "--format", "safetensors"): "has not come to its end.*name its best checkpoint so far",
        (str(run), "--format", "safetensors", "--output", str(there)): "is there already.*--output",
        (str(run), "--format", "torch", "--int8"): "--int8 is for --format onnx",
        (str(finished("next")), "--format", "torch"): "is a language model, which has no labels",
        (str(finished("tfidf")), "--format", "torch"): "TfIdf.* is a baseline",
        (str(finished("windows")), "--format", "transformers"): "can't read data.truncation=windows",
    }.items():
        assert re.search(expected, _door(command, monkeypatch, capsys), flags=re.S), command
    monkeypatch.setattr(graphs, "find_spec", lambda name: None)
    assert "needs the extra [export] (onnx" in _door((str(run),), monkeypatch, capsys)
    assert not list(there.iterdir())
    assert not (run / "export").exists()


@pytest.mark.slow
def test_a_compiled_run_is_exported(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    trained = cli(*tiny, "trainer.compile=true", "logger=none")
    assert trained.code == 0, trained.screen
    for form in ("onnx", "torch", "safetensors"):
        assert export(str(trained.directory), form).trial.difference <= 1e-4


def _door(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    from sweepformer.commands.export import main

    monkeypatch.setattr(sys, "argv", ["export", *command])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code not in (0, None)
    return f"{stopped.value.code}{capsys.readouterr().err}"


def _checkpoint(run: Path) -> Path:
    return run / json.loads((run / "summary.json").read_text())["best_checkpoint"]


def _temperature(run: Path) -> float:
    return float(torch.load(_checkpoint(run), weights_only=True)["state_dict"].get("temperature", 1.0))
