"""The paper's toolbox for structural interpretation (table 3), and the studies that run it."""
