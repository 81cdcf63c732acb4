"""What is declared of a model's options is what its constructor takes, its YAML says and its config may hold."""

import inspect
import re
import subprocess
import sys

import pytest
from conftest import ROOT

from sweepformer.config.options import SCHEMAS
from sweepformer.config.ranges import BAG_OF_NGRAMS, TRANSFORMER, WIDE
from sweepformer.models.bag_of_ngrams import BagOfNgrams
from sweepformer.models.encoder import ACTIVATIONS
from sweepformer.models.options import Option, Range, declarations, options
from sweepformer.models.shape import BagShape, EncoderShape, TransformerShape
from sweepformer.models.transformer import Transformer

OF_SMALL = TRANSFORMER | {"wide": declarations(TransformerShape)["wide"]} | {f"wide.{key}": WIDE[key] for key in WIDE}


def lines(name: str) -> dict[str, str]:
    """The comment of each key of a YAML of `model`, "" where there is none."""
    found, section = {}, ""
    for line in (ROOT / "conf" / "model" / f"{name}.yaml").read_text().splitlines():
        match = re.match(r"( *)(\w+):(?: ([^#]*?))?(?: # (.*))?$", line)
        if match and match[2] not in ("defaults", "_target_"):
            key = f"{section}{match[2]}" if match[1] else match[2]
            section = section if match[1] else f"{match[2]}."
            found[key] = match[4] or ""
    return found


@pytest.mark.parametrize(("name", "declared"), [("small", OF_SMALL), ("bag_of_ngrams", BAG_OF_NGRAMS)])
def test_the_yaml_has_each_option_and_says_of_it_what_is_declared(name: str, declared: dict[str, Option]) -> None:
    assert lines(name) == {key: one.comment for key, one in declared.items()}


@pytest.mark.parametrize(("model", "shape"), [(Transformer, TransformerShape), (BagOfNgrams, BagShape)])
def test_a_model_takes_what_is_declared(model: type, shape: type) -> None:
    taken = inspect.signature(model).parameters
    assert list(taken) == list(declarations(shape))
    assert all(one.kind is one.KEYWORD_ONLY for one in taken.values())
    assert taken["embedding_dim"].default == shape(vocab_size=9, num_classes=2).embedding_dim
    assert taken["vocab_size"].default is inspect.Parameter.empty
    for name, one in declarations(shape).items():
        assert f"{name}: {one.help}" in inspect.getdoc(model)  # type: ignore[operator]
    with pytest.raises(TypeError, match="num_hedas"):
        model(vocab_size=9, num_classes=2, num_hedas=3)


def test_a_subclass_has_a_signature_of_its_own() -> None:
    class Mine(Transformer):
        def __init__(self, *, mine: int, **options: object) -> None:
            super().__init__(**options)

    assert list(inspect.signature(Mine).parameters) == ["mine", "options"]


def test_each_declared_activation_is_one() -> None:
    assert tuple(ACTIVATIONS) == declarations(EncoderShape)["activation"].choices


def test_a_schema_has_each_option_and_its_choices() -> None:
    schema = {one.name: one.type for one in SCHEMAS["model"]["encoder"].__dataclass_fields__.values()}
    assert schema.keys() == {"_target_", *TRANSFORMER, "wide"}
    assert schema["num_heads"] is int
    assert list(schema["pooling"].__members__) == ["mean", "max", "cls", "attention"]


@pytest.mark.parametrize("name", [name for name, one in options(TransformerShape).items() if one.range])
def test_values_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=-1 must be (at least|above)"):
        TransformerShape(vocab_size=9, num_classes=2, **{name: -1})


@pytest.mark.parametrize("value", [0, -0.1, 1, True, "0.5", None, float("nan")])
def test_a_range_knows_what_is_outside(value: object) -> None:
    between = Range(0, 1, above=True, below=True)
    assert 0.5 in between
    assert value not in between


def test_a_range_has_its_ends_unless_told() -> None:
    assert all(end in Range(0, 5000) for end in (0, 5000))
    assert str(Range(0, 5000, above=True)) == "above 0 and at most 5,000"


def test_declarations_are_read_without_torch() -> None:
    told = "import sys, sweepformer.config.rules; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout == "False\n"
