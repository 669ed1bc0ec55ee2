"""Files of several formats: how they are written, and read by their library alone."""
