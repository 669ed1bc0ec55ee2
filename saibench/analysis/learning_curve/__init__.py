"""Learning curves: error by training set size, its extrapolation, and the data for a target."""
