"""What is learned from evidence alone, without running a model again."""
