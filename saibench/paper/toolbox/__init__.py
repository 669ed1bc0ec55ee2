"""The paper's toolbox for structural interpretation (table 3): 13 techniques, each as data."""

from saibench.paper.toolbox.technique import WORKLOADS, NotOffered, Offered, Technique
from saibench.paper.toolbox.techniques import TECHNIQUES

__all__ = ["TECHNIQUES", "WORKLOADS", "NotOffered", "Offered", "Technique"]
