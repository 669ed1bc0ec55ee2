"""Force fields: molecular trajectories, their readers and simulators, and their partitions."""
