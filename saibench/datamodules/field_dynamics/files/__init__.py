"""Readers of trajectories in files: HDF5 of The Well and PDEBench, and plain arrays."""
