"""A leak audit with all of its parts."""

from __future__ import annotations

from saibench.evidence.audit_record import Audit, Effect, Pair, Share


def audit_of(score: float) -> Audit:
    """The audit of a test in time with this score."""
    share = Share(score, score, score, 100)
    return Audit(
        partition="last_tenth",
        describe="the last tenth",
        test=100,
        training=1000,
        training_hash="a",
        test_hash="b",
        score=share,
        same=Share(0.0, 0.0, 0.0, 100),
        interleaved=share,
        near=None,
        part="geometry",
        correlation_time=0.1,
        unit="ps",
        is_resolved=True,
        along="time",
        descriptor="SOAP descriptor",
        describe_descriptor="",
        threshold=None,
        to_training=[],
        among_training=[],
        ratio=None,
        pairs=[Pair(7, 3, 0.5, None, 0.1, 0)],
        effect=Effect("force_mae", "meV/Å", share, share, share),
    )
