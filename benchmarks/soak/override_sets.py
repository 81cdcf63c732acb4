"""Random sets of overrides: sound ones, wrong ones, and ones that no grammar knows, each decided by its number.

Keys and options are those of `conf/`. Left out is what is right and takes hours, other processes, or a network: those
keys draw from values that are wrong or small, and every set is bounded to a few steps.
"""

import random
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache
from typing import Any

from benchmarks.record import ROOT

CONF = ROOT / "conf"
GROUPS = ("model", "tokenizer", "optimizer", "scheduler", "callbacks", "logger", "trainer", "task", "data")
NOT_TRIED = {"logger": ("wandb", "all"), "data": ("hub", "peptides", "bbc_news"), "tokenizer": ("pretrained",)}
# Small in every way that a transformer can be; 2, 4, 8 and 12 heads divide the width.
SHAPE = ("model.embedding_dim=48", "model.num_layers=1", "model.dim_feedforward=32")
SHAPED = ("tiny", "small", "base", "large", "xlarge", "vanilla")
FAST = ("trainer=cpu", "tokenizer.vocab_size=200", "data.batch_size=8")
BOUNDS = ("trainer.max_epochs=1", "trainer.max_steps=2")

WRONG = (
    "null", "", "''", "abc", "-1", "0", "1", "2.5", "-0.0", "1e-320", "1e309", "nan", "inf", "-inf", "true", "False",
    "999999999999999999999", "1" * 400, "1" * 5000, "[]", "[1]", "[a,b]", "[0.5,nan]", "[1,[2,{a:3}]]", "{}", "{a:1}",
    "{1:2,a:3}", "{red:2,true:3}", "{_target_:builtins.str}", "{_target_:nowhere.Thing}", "{_target_:5}", "???",
    "${seed}", "${nowhere}", "${model}", "${oc.env:NOWHERE}", "${oc.env:HOME}", "${nowhere:1}", "${", "${seed", "a/b",
    "../up", "/proc/nowhere", "'with space'", "'two\nlines'", "'{brace'", "'{epoch}{'", "'%s %d'", "'$a_$'", "'[/b]'",
    "\U0001f468\u200d\U0001f469", "'e\u0301'", "'\u202eabc'", "'\u2028'", "\udcff", "x" * 300, "1,2", "range(3)",
    "choice(1,2)", "interval(0,1)", "glob(*)", "a=b", "'", '"', "[1", "{a", "a:b", "\\", "$(x)", "`x`", "#", "# x",
    "!!python/object:os.system", "&a", "~", "on", "0x10", "1_000", "-", "*", "%", "@", "|", ">", "@file",
)  # fmt: skip
SMALL_OR_WRONG = ("null", "", "abc", "-1", "-7", "0", "1", "2.5", "nan", "false", "[]", "{}", "???", "${nowhere}", "'")
OF_ONE = ("null", "abc", "-1", "0", "1", "2.5", "nan", "[]", "{}", "???", "auto")
NARROW: dict[str, tuple[str, ...]] = {  # others of these keys may be right, and take hours or a machine of their own
    "trainer.devices": OF_ONE,
    "trainer.num_nodes": ("null", "abc", "-1", "0", "1", "nan", "[]", "{}"),
    "trainer.accelerator": ("null", "abc", "auto", "cpu", "gpu", "cuda", "5", "[]", "${nowhere}"),
    "trainer.strategy": ("null", "abc", "auto", "fsdp", "5", "[]", "${nowhere}"),
    "trainer.compile": ("false", "null", "0"),
    **dict.fromkeys(
        (
            "trainer.max_epochs", "trainer.max_steps", "model.epochs", "model.longest_affix", "model.window",
            "model.max_length", "model.num_layers", "data.num_workers", "data.max_rows", "model.c_grid",
        ),
        SMALL_OR_WRONG,
    ),
}  # fmt: skip
KNOWN: dict[str, tuple[str, ...]] = {  # what a text may be, where no schema says it
    "trainer.precision": ("32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true", "32", "16", "64"),
    "trainer.profiler": ("simple", "advanced"),
    "trainer.deterministic": ("true", "warn"),
    "task.monitor": ("val_loss", "val_acc", "val_f1", "train_loss"),
    "callbacks.checkpoint.monitor": ("val_loss", "val_acc", "null"),
    "callbacks.checkpoint.mode": ("min", "max"),
    "scheduler.mode": ("min", "max"),
}


class OverrideSets:
    """Sets of overrides by their number.

    Args:
        situations: what is trained on, by its name: task, data and their files.
        seed: decides, with a set's number, what is in it.
    """

    def __init__(self, situations: Mapping[str, tuple[str, ...]], seed: int) -> None:
        self.situations, self.seed = situations, seed

    def draw(self, number: int) -> list[str]:
        """The set of that number; of three about one holds nothing wrong."""
        chance = random.Random(f"{self.seed} {number}")
        sound = chance.random() < 0.35
        chosen = _choices(chance, chance.choice(list(self.situations)), sound)
        situation = self.situations[chosen.pop("situation")]
        usual = [one for one in (*situation, *FAST) if one.partition("=")[0] not in chosen]
        overrides = [*usual, *(f"{group}={option}" for group, option in chosen.items())]
        if chosen["model"] in SHAPED:
            overrides += SHAPE
        keys = _keys({**_of_groups(situation), **chosen})
        drawn = {}
        for _ in range(chance.randint(1, 4)):
            group = chance.choice(list(keys))
            key = chance.choice(sorted(keys[group]))
            drawn[key] = _sound(chance, key, keys[group][key]) if sound else _any(chance, key, keys[group][key])
        return [*overrides, *drawn.values(), *_bounds(drawn)]


def _of_groups(overrides: Iterable[str]) -> dict[str, str]:
    """The options that overrides choose."""
    pairs = (one.split("=", 1) for one in overrides)
    return {group: option for group, option in pairs if group in GROUPS}


def _choices(chance: random.Random, situation: str, sound: bool) -> dict[str, str]:
    """An option of some groups; a model that suits the situation, if all is to be sound."""
    chosen = {"situation": situation}
    models = ["tiny"] * 6 + ["small", "vanilla", "bag_of_ngrams", "tfidf", "majority", "base", "xlarge"]
    chosen["model"] = "tiny" if sound and situation in ("tags", "texts") else chance.choice(models)
    for group in ("tokenizer", "optimizer", "scheduler", "callbacks"):
        if chance.random() < 0.3:
            chosen[group] = chance.choice(options(group))
    chosen["logger"] = chance.choice(("none", "none", "none", "csv", "tensorboard"))
    if chance.random() < 0.1:
        chosen["debug"] = chance.choice(options("debug"))
    if not sound:
        for group in ("task", "data", "model", "experiment", "trainer"):
            if chance.random() < 0.08:
                chosen[group] = chance.choice(options(group))
    return chosen


@cache
def options(group: str) -> list[str]:
    """The options of a group that are tried."""
    there = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    return [option for option in there if option not in NOT_TRIED.get(group, ())]


def _keys(chosen: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Full keys and their values, by group."""
    usual = {"tokenizer": "wordpiece", "optimizer": "adamw", "scheduler": "onecycle", "callbacks": "default"}
    usual |= {"trainer": "cpu", "task": "classification", "data": "files"}
    found = {group: _leaves(group, chosen.get(group, usual.get(group, "none"))) for group in GROUPS}
    return {
        "top": {"seed": 0, "name": None, "pretrain": None},
        **{group: keys for group, keys in found.items() if keys},
    }


@cache
def _leaves(group: str, option: str) -> dict[str, Any]:
    """The keys of an option, and of what is in it."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [f"{group}={option}"])
    content = OmegaConf.to_container(config[group], resolve=False, enum_to_str=True)
    found: dict[str, Any] = {}

    def visit(node: Any, key: str) -> None:
        if key != group:
            found[key] = node
        for name, value in node.items() if isinstance(node, dict) else ():
            visit(value, f"{key}.{name}")

    visit(content, group)
    return found


def _sound(chance: random.Random, key: str, value: Any) -> str:
    """A value that the key may have, for all that its own type tells."""
    if key in KNOWN:
        return f"{key}={chance.choice(KNOWN[key])}"
    if key in NARROW or key.endswith("_target_"):
        return f"{key}={_typed(value)}"
    if (names := _enums().get(key.rpartition(".")[2])) and key.split(".")[0] in ("model", "data", "tokenizer", "task"):
        return f"{key}={chance.choice(names)}"
    if isinstance(value, bool):
        return f"{key}={chance.choice(('true', 'false'))}"
    if isinstance(value, int):
        return f"{key}={max(1, value + chance.choice((-1, 0, 1, value)))}"
    if isinstance(value, float):
        return f"{key}={value * chance.choice((0.5, 0.9, 1.0))}"
    return f"{key}={_typed(value)}"


def _typed(value: Any) -> str:
    """A value as one types it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value if value.startswith("${") else "'" + value.replace("'", "\\'") + "'"
    if isinstance(value, list):
        return f"[{','.join(map(_typed, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}:{_typed(one)}" for name, one in value.items()) + "}"
    return str(value)


@cache
def _enums() -> dict[str, list[str]]:
    """The names that keys of our own take, by the key's last part."""
    from dataclasses import fields
    from typing import get_args

    from sweepformer.config.options import SCHEMAS

    found = {}
    for field in (field for schemas in SCHEMAS.values() for schema in schemas.values() for field in fields(schema)):
        for kind in (field.type, *get_args(field.type)):
            if isinstance(kind, type) and issubclass(kind, Enum):
                found[field.name] = list(kind.__members__)
    return found


def _any(chance: random.Random, key: str, value: Any) -> str:
    """Anything that somebody might type about a key."""
    way = chance.random()
    if way < 0.2:
        return _sound(chance, key, value)
    if way < 0.7:
        values = NARROW.get(key, (*WRONG, f"${{{key}}}"))
        return f"{key}={chance.choice(values)}"
    if way < 0.78:
        return f"~{key}"
    if way < 0.82:
        return "~" + chance.choice((*GROUPS, "seed", "name", "sweep", "pretrain"))
    if way < 0.9:
        return f"{_misspelt(chance, key)}={_typed(value)}"
    return _broken(chance, key)


def _misspelt(chance: random.Random, key: str) -> str:
    place = chance.randrange(len(key))
    return chance.choice(
        (key[:place] + key[place + 1 :], key[:place] + key[place] + key[place:], key[:place] + "é" + key[place + 1 :])
    )


def _broken(chance: random.Random, key: str) -> str:
    """What is no override of a key's value."""
    group = chance.choice(GROUPS)
    option = chance.choice(options(group))
    return chance.choice(
        (
            key, f"{key}==", f"={key}", f"{key}:1", f"+{key}=1", f"++{key}.new=1", f"+{key}_new=1", f"~{key}=1",
            f"{key}=[1,", f"{key}={{a", f"{key}='a", f'{key}="a', f"{key}=1=2", f"@{key}=1", f"{key}@x=1",
            f"{group}=nowhere", f"+{group}={option}", f"{group}=[a,b]", f"{group}={{a:1}}", f"{group}=null",
            f"{group}@x={option}", f"{group}@x={option}", f"{group}/x=1", f"{group}=../{group}/{option}", f"{group}=",
            f"++{group}.new.key=1", "", " ", "=", "~", "+", "hydra=1", "x=1", "+x=1", "++x.y.z=1", "é=1", "\udcff=1",
            f"{key}.0=1", f"+{group}.0=1", f"hydra/launcher={option}", "experiment=nowhere", "+experiment=heads",
        )
    )  # fmt: skip


def _bounds(drawn: Mapping[str, str]) -> list[str]:
    """What ends a run soon: all but a limit that the set itself is about, unless it is about all of them."""
    free = [bound for bound in BOUNDS if bound.partition("=")[0] not in drawn]
    return [f"++{bound}" for bound in free or BOUNDS]
