"""Reproduction of the paper's figures and tables, and comparison with its claims."""
