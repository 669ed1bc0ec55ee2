"""Per-sample records of a study: tables of one row a sample, with units in their fields."""
