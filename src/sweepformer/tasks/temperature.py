"""By what logits are divided, so that probabilities are as large as the shares of rows that turn out right."""

import numpy as np

UNSCALED = 1.0
HOTTEST = 100.0  # and 1/100 is the coldest


def best_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature with the least cross-entropy on these rows (Guo et al. 2017, "On Calibration of Modern Neural
    Networks"); of targets as `wanted_logit` has them.

    Args:
        logits: (rows, classes) float.
        labels: (rows,) int, class numbers.

    Returns:
        What to divide logits by, from 0.01 to 100; 1 if there are no rows or a single class.
    """
    from scipy.optimize import minimize_scalar  # who only divides by a temperature need not wait for these
    from scipy.special import logsumexp

    rows, classes = logits.shape
    if not rows or classes < 2:
        return UNSCALED
    logits = logits.astype(np.float64)
    wanted = wanted_logit(logits, labels)

    def loss(log_temperature: float) -> float:
        colder = np.exp(-log_temperature)
        return float(logsumexp(logits * colder, axis=1).mean() - wanted * colder)

    limit = np.log(HOTTEST)
    found = minimize_scalar(loss, bounds=(-limit, limit), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def wanted_logit(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean logit of the rows' targets; arguments as `best_temperature`, at least one row.

    A model that is right about every one of the rows would be made certain of everything: so a share of each target
    that shrinks with the number of rows goes to all classes, as Platt (1999, "Probabilistic Outputs for Support
    Vector Machines") has it for two.
    """
    spread = 1 / (len(logits) + 2)
    return float((1 - spread) * logits[np.arange(len(logits)), labels].mean() + spread * logits.mean())
