"""How fast saibench is, beside the limit of its hardware and the tools of its fields."""
