"""Labels and probabilities that are drawn, so that what is right about them is known."""

import numpy as np


def drawn(examples, classes, stated=1.0, seed=0):
    """Labels drawn from true probabilities; the logits of the stated ones are `stated` times as large."""
    generator = np.random.default_rng(seed)
    logits = 2 * generator.normal(size=(examples, classes))
    true, said = np.exp(logits), np.exp(stated * logits)
    true, said = (weights / weights.sum(axis=1, keepdims=True) for weights in (true, said))
    labels = (true.cumsum(axis=1) < generator.random((examples, 1))).sum(axis=1)
    return labels.clip(0, classes - 1).astype(np.int64), said


def drawn_labels(examples, labels=5, stated=1.0, seed=0, unknown=0.0, spread=2.0):
    """Several labels drawn from true probabilities; logits of the stated ones are `stated` times as large.

    The first label is the rarest; a share of the cells is `unknown`.
    """
    generator = np.random.default_rng(seed)
    logits = spread * generator.normal(size=(examples, labels)) + np.linspace(-3, 1, labels)
    found = (generator.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.int8)
    found[generator.random(logits.shape) < unknown] = -1
    found[(found == -1).all(axis=1), -1] = 1
    return found, 1 / (1 + np.exp(-stated * logits))
