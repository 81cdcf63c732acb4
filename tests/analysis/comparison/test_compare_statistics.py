"""Tests and effects against what is known of them in closed form."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from sweepformer.analysis.comparison.effects import effects_of
from sweepformer.analysis.comparison.metrics import Metric, choose_metric, pareto_front
from sweepformer.analysis.comparison.statistics import holm, mcnemar, normal
from sweepformer.runs.directory import Summary
from sweepformer.runs.reading import Run, settings_of, short_names


def run(value: float, cost: float = 1.0, **settings: object) -> Run:
    shown = {key: str(one) for key, one in settings.items()}
    return Run(Path(str(shown)), Summary("completed", {"val_acc": value}, seconds={"training": cost}), {}, "", shown)


@pytest.mark.parametrize(("one", "other"), [(1, 7), (25, 2), (0, 1), (30, 41), (600, 700)])
def test_mcnemar_is_the_exact_test_less_half_of_what_was_seen(one: int, other: int) -> None:
    exact = stats.binomtest(one, one + other).pvalue
    assert mcnemar(one, other) == pytest.approx(exact - stats.binom.pmf(one, one + other, 0.5), rel=1e-6)
    assert mcnemar(one, other) == mcnemar(other, one)


def test_mcnemar_as_published() -> None:
    assert mcnemar(1, 7) == pytest.approx(0.0391, abs=5e-5)  # Fagerland et al. 2013, airway hyper-responsiveness
    assert mcnemar(3, 3) == pytest.approx(1 - stats.binom.pmf(3, 6, 0.5) / 2)
    assert mcnemar(0, 0) == 1


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_mcnemar_keeps_its_level(share: float) -> None:
    """share: of 80 rows, those that only one of two equally good runs has right."""
    false_alarm = 0.0
    for rows in range(81):
        seen = np.arange(rows + 1)
        rejected = [mcnemar(int(one), int(rows - one)) < 0.05 for one in seen]
        false_alarm += stats.binom.pmf(rows, 80, share) * stats.binom.pmf(seen, rows, 0.5)[rejected].sum()
    assert false_alarm <= 0.05


def test_the_normal_test_is_uniform_where_there_is_no_difference() -> None:
    random = np.random.default_rng(0)
    values = [normal(random.normal(), random.normal(size=500)) for _ in range(400)]
    assert stats.kstest(values, "uniform").pvalue > 0.01
    assert normal(0.0, np.zeros(10)) == 1
    assert normal(0.1, np.full(10, 0.1)) == 0


def test_holm_as_by_hand() -> None:
    assert holm(np.array([0.04, 0.01, 0.03])).tolist() == pytest.approx([0.06, 0.03, 0.06])
    assert holm(np.array([0.5, 0.9])).tolist() == [1, 1]
    assert holm(np.array([])).tolist() == []


def test_effects_in_a_full_grid_are_the_means_of_its_slices() -> None:
    random = np.random.default_rng(0)
    runs = [
        run(0.7 + 0.05 * heads + 0.001 * random.normal(), heads=heads, optimizer=optimizer, seed=seed)
        for heads, optimizer, seed in itertools.product((1, 2, 4), ("adam", "sgd"), (0, 1))
    ]
    found = effects_of(runs, "val_acc", 0.95)
    assert found.runs == 12
    first = found.of_keys[0]
    assert (first.key, [level.value for level in first.levels]) == ("heads", ["1", "2", "4"])
    for level in first.levels:
        seen = [one.metric("val_acc") for one in runs if one.settings["heads"] == level.value]
        assert level.runs == 4
        assert level.mean == pytest.approx(np.mean(seen))
        assert level.range is not None
        assert level.range.low < level.mean < level.range.high
    assert first.share > 0.99
    assert first.p is not None
    assert first.p < 1e-6
    assert first.order == pytest.approx(1, abs=0.1)
    assert all(one.p is not None and one.p > 0.01 for one in found.of_keys[1:])


def test_one_factor_is_the_analysis_of_variance() -> None:
    groups = np.random.default_rng(0).normal(size=(3, 8)) + np.array([[0.0], [0.5], [0.2]])
    runs = [run(float(value), kind="abc"[place], seed=0) for place, row in enumerate(groups) for value in row]
    (found,) = effects_of(runs, "val_acc", 0.95).of_keys
    assert found.p == pytest.approx(stats.f_oneway(*groups).pvalue)
    within = np.sqrt(((groups - groups.mean(1, keepdims=True)) ** 2).sum() / 21)
    half = stats.t.ppf(0.975, 21) * within / np.sqrt(8)
    assert found.levels[0].range == pytest.approx((groups[0].mean() - half, groups[0].mean() + half))


def test_a_value_is_not_praised_for_the_company_it_kept() -> None:
    # sgd was tried with many heads only, and many heads are what is good.
    tried = ((1, "adam"), (4, "adam"), (4, "sgd"), (6, "sgd"))
    runs = [
        run(0.1 * heads + 0.001 * seed, heads=heads, optimizer=optimizer, seed=seed)
        for heads, optimizer in tried
        for seed in (0, 1, 2)
    ]
    found = {one.key: one for one in effects_of(runs, "val_acc", 0.95).of_keys}
    adam, sgd = found["optimizer"].levels
    assert sgd.mean == pytest.approx(adam.mean, abs=1e-6)


def test_keys_that_changed_together_are_not_told_apart() -> None:
    runs = [run(0.5 + 0.1 * heads + 0.01 * seed, heads=heads, layers=heads, seed=seed)
            for heads in (1, 2) for seed in (0, 1, 2)]  # fmt: skip
    found = {one.key: one for one in effects_of(runs, "val_acc", 0.95).of_keys}
    assert not found["heads"].separable
    assert found["heads"].p is None
    assert found["seed"].separable
    assert found["heads"].levels[0].mean == pytest.approx(0.61)


def test_rates_drawn_from_an_interval_are_put_into_classes() -> None:
    random = np.random.default_rng(0)
    rates = 10 ** random.uniform(-4, -2, 60)
    runs = [run(0.5 + 0.1 * np.log10(rate), rate=rate) for rate in rates]
    found = effects_of(runs, "val_acc", 0.95)
    (rate,) = found.of_keys
    assert [level.runs for level in rate.levels] == [15, 15, 15, 15]
    assert rate.order == pytest.approx(1)
    assert " to " in rate.levels[0].value
    means = [level.mean for level in rate.levels]
    assert means == sorted(means)


def test_of_few_runs_nothing_is_made_up() -> None:
    found = effects_of([run(0.5, heads=1), run(0.6, heads=2)], "val_acc", 0.95).of_keys[0]
    assert found.p is None
    assert [level.range for level in found.levels] == [None, None]
    assert effects_of([run(0.5)], "val_acc", 0.95).of_keys == []


@pytest.mark.parametrize("mode", ["max", "min"])
def test_the_front_holds_what_nothing_beats_at_both(mode: str) -> None:
    values = [(1, 0.5), (2, 0.5), (3, 0.7), (4, 0.6), (5, 0.9), (5, 0.8)]
    sign = 1 if mode == "max" else -1
    runs = [run(sign * value, cost) for cost, value in values]
    front = pareto_front(runs, Metric("val_acc", "test_acc", mode, mode), "training seconds")
    assert [(one.summary.seconds["training"], sign * one.metric("val_acc")) for one in front] == [
        (1, 0.5), (3, 0.7), (5, 0.9)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "mode"), [("val_acc", "max"), ("val_f1_micro", "max"), ("test_mae", "min"), ("test_ece_raw", "min")]
)
def test_it_is_known_of_each_metric_whether_a_large_one_is_good(name: str, mode: str) -> None:
    path = Path("run")
    assert choose_metric([Run(path, Summary("completed", {name: 0.5}), {}, "")], name).mode == mode


def test_settings_are_those_in_which_runs_differ() -> None:
    overrides = [["model=tfidf", "seed=1", "name=a"], ["seed=1", "optimizer.lr=1e-3", "+x=2", "name=b"]]
    config = {"model": {"layers": 2}, "seed": 1, "optimizer": {"lr": 0.001}}
    found = settings_of(overrides, [config, config | {"x": 2}])
    assert found == [{"model": "tfidf", "x": ""}, {"model": "", "x": "2"}]


def test_what_nobody_typed_is_told_where_nothing_else_tells_runs_apart() -> None:
    configs = [{"seed": 0, "model": {"layers": layers}, "name": str(layers)} for layers in (2, 3)]
    assert settings_of([[], []], configs) == [{"model.layers": "2"}, {"model.layers": "3"}]
    assert settings_of([["model=a"], ["model=b"]], configs) == [{"model": "a"}, {"model": "b"}]


def test_keys_are_short_where_that_is_clear() -> None:
    assert list(short_names(["model.lr", "optimizer.lr", "model.heads"]).values()) == [
        "model.lr",
        "optimizer.lr",
        "heads",
    ]
