"""Rain events: readers, a simulator, and the partitions of them."""
