"""The paper's figures and tables regenerated: its claims, compared with the findings here."""
