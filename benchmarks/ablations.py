"""What every ingredient of the default recipe is worth: each taken out, or put in, on small sets, over seeds.

    python -m benchmarks.ablations           typed again it goes on
    python -m benchmarks.ablations --docs    writes the recorded table into experiments/README.md

Rows, and what is measured again, are as in benchmarks.quality, which measures the whole recipe. Runs are compared pair
by pair: the same set and seed, and so the same splits, with the ingredient and without. What is said of an ingredient
is said by validation rows: a recipe that keeps what does well on the test rows has learned from them.
"""

import statistics
from typing import Any

from benchmarks.recorded_runs import read_runs, spread, states_of_code
from benchmarks.runs_of_recipes import case_of, chosen_sets, measure, options_of
from benchmarks.tables import markdown, write_table

SETS = ["trec6", "sst2", "sms_spam", "dna_splice"]
CLEAR = 3  # standard errors: three seeds of four sets show as much by chance in one or two of a hundred ingredients
WHOLE = "default"  # the recipe of benchmarks.quality whose ingredients these are
# By the ingredient: what is typed to have the recipe without it. One line each, for whatever it is made of.
WITHOUT: dict[str, list[str]] = {
    "wide path": ["model.wide.enabled=false"],
    "words that occur once": ["tokenizer.rare_words=0"],
    "letters": ["model.wide.char_ngram_weight=0"],
    "whole words": ["tokenizer=wordpiece"],
    "settings by the number of rows": ["trainer.max_epochs=6", "data.batch_size=64", "optimizer.lr=1e-3"],
    "small token vectors": ["model.embedding_std=1"],
    "dropout": ["model.dropout=0", "model.classifier_dropout=0"],
}
# What the recipe has left out, or leaves to encoders that answer alone: what is typed to put it in.
WITH: dict[str, list[str]] = {
    "convolution": ["model.stem=convolution"],
    "label smoothing": ["task.label_smoothing=0.1"],
}
Runs = list[dict[str, Any]]
BySetAndSeed = dict[tuple[str, int], dict[str, Any]]
Pair = tuple[dict[str, Any], dict[str, Any]]  # a run without the ingredient, and the whole recipe's


def main() -> None:
    changes = WITHOUT | WITH
    options = options_of(__doc__, "ablations", changes, SETS)
    if options.docs:
        write_table("ablations", recorded_table())
        return
    sets = chosen_sets(options)
    cases = [
        case_of(rows, recipe, changes[recipe], seed)
        for recipe in options.recipes
        for rows in sets.values()
        for seed in range(options.seeds)
    ]
    measure(cases, options, changes)


def recorded_table() -> str:
    """The recorded figures as Markdown: the recipe's accuracy, then what one ingredient more or less changes of it."""
    return table(read_runs("ablations"), read_runs("quality"))


def table(runs: Runs, of_quality: Runs) -> str:
    """A line an ingredient. runs, of_quality: as in `recorded_runs`."""
    sets = sorted({run["set"] for run in runs})
    of_whole = [run for run in of_quality if run["recipe"] == WHOLE and run["set"] in sets]
    if not of_whole:
        return "Nothing is recorded yet."
    whole = {(run["set"], run["seed"]): run for run in of_whole}
    rows = [["as it is", "", *(_accuracy(whole, name) for name in sets), "", "", "", ""]]
    changes = WITHOUT | WITH
    for name in changes:
        pairs = [
            (run, whole[run["set"], run["seed"]])
            for run in runs
            if run["recipe"] == name
            and (run["set"], run["seed"]) in whole
            and set(changes[name]) <= set(run["overrides"])
        ]
        if pairs:
            rows.append(_line(name, pairs, sets))
    head = ["the recipe", "typed", *sets, "mean, test", "mean, validation", "so it", "time of a run"]
    told = "Test accuracy in percent, mean and standard deviation over seeds; below it the change in points."
    return "\n\n".join(filter(None, [told, markdown(head, rows), states_of_code([*runs, *of_whole], "ablations")]))


def _line(name: str, pairs: list[Pair], sets: list[str]) -> list[str]:
    by_test, by_validation = ([_changes(pairs, metric, one) for one in sets] for metric in ("test_acc", "val_acc"))
    times = sum(run["cpu_seconds"] for run, _ in pairs) / sum(run["cpu_seconds"] for _, run in pairs)
    put_in = name in WITH
    return [
        f"{'with' if put_in else 'without'} {name}",
        f"`{' '.join((WITHOUT | WITH)[name])}`",
        *(f"{statistics.mean(changes):+.1f}" if changes else "" for changes in by_test),
        _told(by_test),
        _told(by_validation),
        verdict(by_validation, put_in),
        f"x {times:.2f}",
    ]


def verdict(of_sets: list[list[float]], put_in: bool = False) -> str:
    """What an ingredient does, by what taking it out changes, or putting it in: told only beyond `CLEAR`."""
    mean, error = _mean_and_error(of_sets)
    if error is None:
        return "isn't known yet"
    if abs(mean) <= CLEAR * error:
        return "makes no difference seen here"
    pays = (mean > 0) == put_in
    return ("would pay" if pays else "would cost") if put_in else ("pays" if pays else "costs")


def _mean_and_error(of_sets: list[list[float]]) -> tuple[float, float | None]:
    """The mean over sets of the mean over seeds, and its standard error over seeds: the sets are what they are. Nothing
    is known of the latter where a set has a single seed.

    of_sets: for each set the changes, a seed each; sets that have none don't count.
    """
    there = [changes for changes in of_sets if changes]
    mean = statistics.mean(map(statistics.mean, there))
    if min(map(len, there)) < 2:
        return mean, None
    return mean, sum(statistics.variance(changes) / len(changes) for changes in there) ** 0.5 / len(there)


def _told(of_sets: list[list[float]]) -> str:
    mean, error = _mean_and_error(of_sets)
    return f"{mean:+.2f}" if error is None else f"{mean:+.2f} ± {error:.2f}"


def _changes(pairs: list[Pair], metric: str, name: str) -> list[float]:
    """In points, on one set, a seed each."""
    return [100 * (without[metric] - whole[metric]) for without, whole in pairs if whole["set"] == name]


def _accuracy(whole: BySetAndSeed, name: str) -> str:
    return spread(100 * run["test_acc"] for (one, _), run in whole.items() if one == name)


if __name__ == "__main__":
    main()
