"""Nets that tell top jets from QCD jets by the four-momenta of their constituents."""
