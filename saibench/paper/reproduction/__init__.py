"""The paper's figures and tables made again: what it found, beside what is found here."""
