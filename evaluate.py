"""Test a trained run on more partitions: `python evaluate.py run=outputs/<study>/<run>`."""

from saibench.cli import evaluate

if __name__ == "__main__":
    evaluate()
