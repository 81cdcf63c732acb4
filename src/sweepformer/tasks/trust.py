"""How far each of two models is to be trusted, where their logits are added."""

import numpy as np

from sweepformer.tasks.temperature import wanted_logit

EQUAL = (0.5, 0.5)
BOUNDS = ((0.01, 100.0), (0.0, 100.0))  # the first always has a say: something must


def best_trust(first: np.ndarray, second: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """By what two models' logits are multiplied for the least cross-entropy of their sum on these rows.

    The exponents of a logarithmic opinion pool, fitted as Platt (1999) fits his sigmoid (see `wanted_logit`): two
    numbers from the likelihood of all rows, which few rows determine better than they do a best accuracy. There is one
    optimum, as the likelihood is concave in them.

    Args:
        first, second: (rows, classes) float, logits of the same rows, none of which either was trained on.
        labels: (rows,) int, class numbers.

    Returns:
        Two numbers, at most 100 each; EQUAL if there are no rows or a single class.
    """
    from scipy.optimize import minimize  # who only adds logits need not wait for these
    from scipy.special import logsumexp

    rows, classes = first.shape
    if not rows or classes < 2:
        return EQUAL
    both = np.stack([first, second]).astype(np.float64)
    wanted = np.array([wanted_logit(logits, labels) for logits in both])

    def loss(trust: np.ndarray) -> tuple[float, np.ndarray]:
        logits = np.tensordot(trust, both, axes=1)
        total = logsumexp(logits, axis=1)
        expected = (both * np.exp(logits - total[:, None])).sum(2).mean(1)
        return float(total.mean() - trust @ wanted), expected - wanted

    found = minimize(loss, np.array(EQUAL), jac=True, bounds=BOUNDS, method="L-BFGS-B")
    return float(found.x[0]), float(found.x[1])
