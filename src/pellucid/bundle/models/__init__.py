"""Models: a network or a classical predictor with everything that it needs to answer."""
