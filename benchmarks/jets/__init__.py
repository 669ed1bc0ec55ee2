"""One task and the contestants that train on it."""
