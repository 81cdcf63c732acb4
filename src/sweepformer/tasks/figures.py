"""Pictures of a test result, as arrays that any logger takes."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

DPI = 80  # encoding the pixels takes as long as drawing them
LEAST_SHARE = 0.01  # of its row, for a cell to show its number
MOST_POINTS = 5000


def confusion_figure(labels: np.ndarray, predictions: np.ndarray, classes: list[str]) -> np.ndarray:
    """Rows are true classes, columns predicted ones, colours shares of the row; (height, width, 3) uint8.

    Numbers stand in cells that matter: each takes a millisecond to draw, in every run of a sweep.
    """
    counts = confusion_matrix(labels, predictions, labels=range(len(classes)))
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    classes = [_short(name) for name in classes]
    margin = 0.8 + 0.08 * max(map(len, classes))  # inches that the names take
    side = margin + min(2 + 0.35 * len(classes), 18)
    figure = Figure(figsize=(side, side), dpi=DPI)
    # Placed by hand: letting the layout be found takes longer than the drawing.
    axes = figure.add_axes((margin / side, margin / side, 1 - (margin + 0.3) / side, 1 - (margin + 0.3) / side))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(classes)), classes, rotation=90, parse_math=False)  # "$" is a letter like others
    axes.set_yticks(range(len(classes)), classes, parse_math=False)
    axes.set(xlabel="predicted", ylabel="true", title="Test split")
    if len(classes) <= 30:
        for row, column in zip(*np.nonzero(shares >= LEAST_SHARE), strict=True):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=7)
    return _pixels(figure)


def class_figure(labels: np.ndarray, predictions: np.ndarray, classes: list[str]) -> np.ndarray:
    """Precision and recall of every class, with its number of test rows; (height, width, 3) uint8.

    labels, predictions: (rows,) class numbers, or (rows, classes) bool.
    """
    scores = precision_recall_fscore_support(labels, predictions, labels=range(len(classes)), zero_division=0)
    precision, recall, _, rows = scores
    classes = [_short(name) for name in classes]
    height = min(1.5 + 0.32 * len(classes), 40)
    figure = Figure(figsize=(11, height), dpi=DPI)
    left = 0.05 + 0.0075 * max(len(name) + 7 for name in classes)
    axes = figure.add_axes((left, 0.9 / height, 0.97 - left, 1 - 1.3 / height))
    places = np.arange(len(classes))
    axes.barh(places - 0.2, precision, 0.4, label="precision")
    axes.barh(places + 0.2, recall, 0.4, label="recall")
    names = [f"{name} ({count})" for name, count in zip(classes, rows, strict=True)]
    axes.set_yticks(places, names, parse_math=False)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), title="Test split, by class (how many)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.25 / height), ncols=2)
    return _pixels(figure)


def number_figure(numbers: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Predicted against true numbers, (rows,) float each; (height, width, 3) uint8."""
    figure = Figure(figsize=(7, 7), dpi=DPI)
    axes = figure.add_axes((0.13, 0.1, 0.83, 0.83))
    shown = np.random.default_rng(0).permutation(len(numbers))[:MOST_POINTS]
    axes.plot(numbers[shown], predictions[shown], ".", markersize=4, alpha=0.4)
    axes.axline((float(numbers.mean()),) * 2, slope=1, color="grey", linewidth=1)  # where every answer is right
    axes.set(xlabel="true", ylabel="predicted", title="Rows of the test split")
    return _pixels(figure)


def _short(name: str, longest: int = 40) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"


def _pixels(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
