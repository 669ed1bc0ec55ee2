"""Test a trained point on further partitions: `python evaluate.py run=outputs/<study>/<point>`."""

from saibench.cli import evaluate

if __name__ == "__main__":
    evaluate()
