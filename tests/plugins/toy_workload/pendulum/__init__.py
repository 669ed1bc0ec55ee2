"""A workload of its own: where does a pendulum swing as a harmonic oscillator does?"""
