"""Error tracing: attribution of errors to features, components and stretches of the data."""
