"""A user's workload: where does a harmonic oscillator describe a pendulum?"""
