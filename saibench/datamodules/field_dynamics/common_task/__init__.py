"""The nine pairs of training and test data of the Common Task Framework, from built-in solvers."""
