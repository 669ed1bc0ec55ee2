"""Regions of the problem space that are tested separately, and the trend of the error over them."""
