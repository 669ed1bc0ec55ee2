"""The trace of a run in two sentences, for the console."""

from __future__ import annotations

import math

from saibench.analysis.answers.drivers import drivers_of, drivers_sentence
from saibench.analysis.tracing.comparisons import tested_in
from saibench.analysis.tracing.config import TraceConfig
from saibench.analysis.tracing.records import PointTrace
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.formatting import by_width, counted


def trace_sentences(trace: PointTrace, config: TraceConfig, evidence: StudyEvidence) -> list[str]:
    """The three largest contributions to the first traced error, and what they were tested on.

    If that is not the first of `config`, the reason follows.
    """
    if not trace.responses:
        return [f"Not traced: {' '.join(trace.refused)}"]
    response, level = trace.responses[0], config.level
    is_first = config.responses[0] in response.response.name
    mean, error = response.mean, titled(response.response.error_name, evidence)
    tests = [one for one in tested_in([trace]) if not math.isnan(one.p)]
    significant = sum(one.is_significant(level) for one in tests)
    return [
        drivers_sentence(drivers_of(response, level), evidence, typed=True),
        f"Mean {error}: {by_width(mean, response.response.unit)} over {mean.count:,} samples in "
        f"{counted(mean.num_blocks, 'independent block')}; {significant} of {len(tests)} "
        f"comparisons are significant at a false discovery rate of {100 * level:g} %.",
        *([] if is_first else [f"Not traced: {trace.refused[0]}"]),
    ]
