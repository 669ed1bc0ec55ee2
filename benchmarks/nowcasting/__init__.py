"""What the nowcasting benchmarks run and compare."""
