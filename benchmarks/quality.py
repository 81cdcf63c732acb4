"""How well the default recipe learns real sets, beside baselines and the classic transformer.

    python -m benchmarks.quality                                  all sets and recipes; typed again it goes on
    python -m benchmarks.quality --recipes default --sets trec6   these, beside what is recorded of the others
    python -m benchmarks.quality --recipes default --again        what was measured by an earlier state of the code
    python -m benchmarks.quality --docs                           writes the recorded tables into docs/quality.md

A set is any folder under --data with train.csv, test.csv and perhaps valid.csv (columns `text` and `label`; .gz too),
and the built-in icd10. Nothing is set but the rows: what a recipe chooses, it chooses on validation rows, which are cut
from train where there are none. `vanilla` costs most by far: on large sets it gets as many whole epochs as
`AFFORDED_CHARACTERS` allow, at least one, which the table tells.
"""

from benchmarks.labelled_sets import LabelledSet
from benchmarks.quality_tables import tables
from benchmarks.recorded_runs import read_runs
from benchmarks.runs_of_recipes import case_of, chosen_sets, measure, options_of
from benchmarks.tables import write_table

RECIPES: dict[str, list[str]] = {
    "majority": ["model=majority"],
    "tfidf": ["model=tfidf"],
    "bag_of_ngrams": ["model=bag_of_ngrams", "optimizer.lr=1e-2"],
    "default": [],
    "vanilla": ["model=vanilla"],
}
# Of what vanilla may read: about 3.5 million tokens, some 35 minutes of one slow core.
AFFORDED_CHARACTERS = 18_000_000
ENOUGH_EPOCHS = 6  # who affords so many is not cut short


def main() -> None:
    options = options_of(__doc__, "quality", RECIPES, sets=None)
    if options.docs:
        write_table("quality", recorded_table())
        return
    sets = chosen_sets(options)
    cases = [
        case_of(rows, recipe, overrides_of(recipe, rows), seed)
        for recipe in options.recipes
        for rows in sets.values()
        for seed in range(options.seeds)
    ]
    measure(cases, options, RECIPES)


def overrides_of(recipe: str, rows: LabelledSet) -> list[str]:
    """What is typed for a recipe beside the rows."""
    return [*RECIPES[recipe], *(fewer_epochs(rows) if recipe == "vanilla" else [])]


def fewer_epochs(rows: LabelledSet) -> list[str]:
    """The override that keeps a slow run within what it may read; none where it reads less anyway."""
    afforded = max(AFFORDED_CHARACTERS // rows.characters, 1)
    return [f"trainer.max_epochs={afforded}"] if afforded < ENOUGH_EPOCHS else []


def recorded_table() -> str:
    """The recorded figures as Markdown."""
    return tables(read_runs("quality"), list(RECIPES))


if __name__ == "__main__":
    main()
