"""Jets: readers, a generator, their index, batches and partitions."""
