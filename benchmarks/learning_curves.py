"""When a transformer pays: test accuracy by the number of labelled rows that there are to learn from.

    python -m benchmarks.learning_curves           typed again it goes on
    python -m benchmarks.learning_curves --docs    writes the recorded table and picture into docs/

Of each set so many of the training rows are given, drawn by the seed with every class at its share; validation rows are
cut from them, and the test split is the whole one. Recipes, and what is measured again, are as in benchmarks.quality.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.labelled_sets import ROWS_A_CLASS, LabelledSet
from benchmarks.quality import RECIPES as ALL_RECIPES
from benchmarks.quality import overrides_of
from benchmarks.record import ROOT
from benchmarks.recorded_runs import Case, read_runs, spread, states_of_code
from benchmarks.runs_of_recipes import case_of, chosen_sets, measure, options_of
from benchmarks.tables import markdown, write_table

SETS = ["ag_news", "banking77"]
ROWS = (100, 300, 1000, 3000, 10_000)
RECIPES = {name: ALL_RECIPES[name] for name in ("tfidf", "default", "vanilla")}
PICTURE = ROOT / "docs" / "learning_curves.png"


def main() -> None:
    options = options_of(__doc__, "learning_curves", RECIPES, SETS)
    if options.docs:
        write_table("learning_curves", recorded_table())
        if runs := read_runs("learning_curves"):
            draw(runs, PICTURE)
        return
    sets = chosen_sets(options)
    if built_in := [name for name, rows in sets.items() if not rows.files]:
        raise SystemExit(f"--sets {' '.join(built_in)}: subsets are drawn from files, and this set has none.")
    measure(list(_cases(sets, options)), options, RECIPES)


def _cases(sets: dict[str, LabelledSet], options: Any) -> Iterator[Case]:
    for name, whole in sets.items():
        for count in sizes(whole):
            for seed in range(options.seeds):
                rows = whole.subset(count, seed, options.work / "rows")
                for recipe in options.recipes:
                    yield case_of(rows, recipe, overrides_of(recipe, rows), seed, count, name)


def sizes(rows: LabelledSet) -> list[int]:
    """The numbers of rows that a set has, and that are enough for all of its classes."""
    return [count for count in ROWS if ROWS_A_CLASS * rows.classes <= count <= len(rows.rows)]


def recorded_table() -> str:
    """The recorded accuracies as Markdown."""
    runs = read_runs("learning_curves")
    if not runs:
        return "Nothing is recorded yet."
    rows = [
        [f"{name}, {count:,} rows", *(spread(_accuracies(runs, name, count, recipe)) for recipe in RECIPES)]
        for name, count in sorted({(run["set"], run["rows"]) for run in runs})
    ]
    table = markdown(["test accuracy, %", *(f"`{recipe}`" for recipe in RECIPES)], rows)
    return "\n\n".join(filter(None, [table, states_of_code(runs, "learning_curves")]))


def draw(runs: list[dict[str, Any]], path: Path) -> None:
    """A picture a set, a line a recipe: the mean over seeds, and from the least to the greatest."""
    sets = sorted({run["set"] for run in runs})
    figure = Figure(figsize=(5 * len(sets), 4), dpi=120, layout="constrained")
    for axes, name in zip(figure.subplots(1, len(sets), squeeze=False)[0], sets, strict=True):
        for recipe in RECIPES:
            counts = sorted({run["rows"] for run in runs if (run["set"], run["recipe"]) == (name, recipe)})
            if not counts:
                continue
            found = [_accuracies(runs, name, count, recipe) for count in counts]
            means = [sum(some) / len(some) for some in found]
            (line,) = axes.plot(counts, means, "o-", markersize=4, label=recipe)
            axes.fill_between(counts, [*map(min, found)], [*map(max, found)], color=line.get_color(), alpha=0.2)
        axes.set(title=name, xscale="log", xlabel="labelled rows", ylabel="test accuracy, %")
        axes.set_xticks(ROWS, [f"{count:,}" for count in ROWS], minor=False)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path)


def _accuracies(runs: list[dict[str, Any]], name: str, count: int, recipe: str) -> list[float]:
    wanted = (name, count, recipe)
    return [100 * run["test_acc"] for run in runs if (run["set"], run["rows"], run["recipe"]) == wanted]


if __name__ == "__main__":
    main()
