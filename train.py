"""Train and test one run, or a sweep: `python train.py -m window.start=0,0.15,0.3`."""

from saibench.cli import train

if __name__ == "__main__":
    train()
