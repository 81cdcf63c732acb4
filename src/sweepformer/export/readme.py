"""The README of a bundle: the lines that load it, which the tests run as they stand."""

from string import Template
from typing import Any

from sweepformer.config.kinds import LabelKind
from sweepformer.export.label_kinds import LABELS
from sweepformer.export.trial import Trial
from sweepformer.files.atomic import SEAL

NEEDS = {
    "onnx": "numpy tokenizers onnxruntime",
    "torch": "numpy tokenizers torch",
    "safetensors": "numpy tokenizers torch safetensors",
    "transformers": "numpy tokenizers torch safetensors transformers",
}
MODELS = {
    "onnx": "`model.onnx`: the model for onnxruntime and others, for any number of rows",
    "torch": "`model.pt2`: the model for `torch.export.load`, for any number of rows",
    "safetensors": "`model.safetensors`: the weights; `model_code/`: the code that they belong to, torch alone",
    "transformers": "`model.safetensors`: the weights; `modeling_sweepformer.py` and the modules beside it: their code",
}

PAGE = Template("""\
# $name

A model that says $says.$pairs Made by sweepformer, which it doesn't need.

## Use

    pip install $needs

In this folder:

```python
from predict import Labeller

labeller = Labeller()
rows = $rows
print(labeller.predict(rows))$probabilities
```

or `$shell`. `predict.py` is short, and made to be copied from.

$alone

## Files

- $model
- `tokenizer.json`: for the library tokenizers; `labels.json`: names, in the order of probabilities
- `config.json`: how texts are read (`reads`) and what logits stand for (`answers`): $means
- `$seal`: `sha256sum -c $seal` tells whether a copy is whole

## Checked when it was made

$checked
""")
PAIRS = '[("a text", "what it is compared with"), ("another", "the same")]'
TOKENIZED_PAIRS = '["a text", "another"], ["what it is compared with", "the same"]'
SHELL = 'python predict.py "a text" "another"'
SHELL_OF_PAIRS = r"printf 'a text\twhat it is compared with\n' | python predict.py"
PROBABILITIES = "\nprint(labeller.labels, labeller.predict_proba(rows))"

INPUTS = "token_ids: (rows, length) int64; padding: (rows, length) bool, True where there is no token."
ALONE = {
    "onnx": """\
## The model alone

$inputs

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
inputs = {"token_ids": np.array([[5, 6, 7]]), "padding": np.zeros((1, 3), dtype=bool)}
logits, $second = session.run(["logits", "$second"], inputs)
```""",
    "torch": """\
## The model alone

$inputs

```python
import torch

model = torch.export.load("model.pt2").module()
logits, $second = model(torch.tensor([[5, 6, 7]]), torch.zeros(1, 3, dtype=torch.bool))
```""",
    "safetensors": """\
## The model alone

A torch module, to train it further too. $inputs

```python
import json
from pathlib import Path

import torch
from predict import open_weights

about = json.loads(Path("config.json").read_text(encoding="utf-8"))
model = open_weights(Path("."), about["model"])
logits = model(torch.tensor([[5, 6, 7]]), torch.zeros(1, 3, dtype=torch.bool))
```""",
    "transformers": """\
## By transformers

The model's code lies in this folder, which is what `trust_remote_code` is about. Logits are calibrated: their softmax
(of several labels a text their sigmoid) is the probabilities; those of numbers are the numbers.

```python
from transformers import AutoModelFor$kind, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".", trust_remote_code=True)
model = AutoModelFor$kind.from_pretrained(".", trust_remote_code=True)
batch = tokenizer($texts, padding=True, truncation=True, return_tensors="pt")
logits = model(batch["input_ids"], batch["attention_mask"]).logits
```""",
}


def readme(name: str, about: dict[str, Any], classes: list[str], trial: Trial) -> str:
    """Markdown. about: what the folder's config.json says."""
    form, labels, pairs = about["format"], LABELS[LabelKind(about["labelled"])], about["reads"]["pairs"]
    checked = list(trial.lines)
    if transform := about["run"]["data"].get("transform"):
        checked.append(f"texts went through {transform['_target_']} in training: do the same before")
    if form == "transformers" and pairs:
        checked.append(
            "of two texts that are too long together its tokenizer leaves the odd token to the longer one, and the run "
            "to the first: `predict.py` reads them as the run does"
        )
    alone = Template(ALONE[form]).substitute(
        inputs=INPUTS,
        second=labels.answer,
        kind=labels.task,
        texts=TOKENIZED_PAIRS if pairs else labels.tokenized,
    )
    return PAGE.substitute(
        name=name,
        says=Template(labels.says).substitute(count=len(classes)),
        pairs=" Rows are pairs of texts." if pairs else "",
        needs=NEEDS[form],
        rows=PAIRS if pairs else labels.rows,
        shell=SHELL_OF_PAIRS if pairs else SHELL,
        seal=SEAL,
        probabilities=PROBABILITIES if labels.answer == "probabilities" else "",
        alone=alone,
        model=_model(about),
        means=labels.means,
        checked="\n".join(f"- {line}" for line in checked),
    )


def _model(about: dict[str, Any]) -> str:
    model = about.get("model")
    if model and model["code"] is None:
        return f"`model.safetensors`: the weights; the code that they belong to is your own, `{model['module']}`"
    return MODELS[about["format"]]
