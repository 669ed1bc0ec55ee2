"""Fields that evolve in time: built-in solvers, readers of files, and partitions of forecasts."""
