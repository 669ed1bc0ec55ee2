"""Long series of gridded rain, in the formats of radar services."""
