"""Nets that classify jets by the four-momenta of their constituents."""
