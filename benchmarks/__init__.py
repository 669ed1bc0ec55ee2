"""Speed of saibench, compared with other tools, and simulations of its statistics."""
