"""What judging relevance costs against reading: `python -m benchmarks.condensed`.

Invented calls of several lengths, ten described themes. Printed for each length: characters of the relevance request,
characters of the extraction of the same call, their ratio, and the CPU milliseconds of preparing both.
"""

import time
import uuid

from benchmarks.synthetic_calls import synthetic_call
from headway_pipeline.analysis.language_model import LanguageModelAnalyst
from headway_pipeline.analysis.language_model.shapes import canonical
from headway_pipeline.llm.contract import LLMRequest, Stage
from headway_pipeline.model.features import Theme
from headway_pipeline_tests.models import ScriptedAsker, answered, extraction

MINUTES = (2, 4, 10, 30, 60, 120, 240)
WORDS_A_MINUTE = 150
THEMES = tuple(
    Theme(
        uuid.UUID(int=n), f"Part {n} of the product", f"What customers say of part {n}: how it works, breaks, costs"
    )
    for n in range(10)
)


def sent(request: LLMRequest) -> int:
    """Characters of a request."""
    return len(request.system) + len(request.user) + len(canonical(request.schema))


def main() -> None:
    """Measure and print."""
    judged = {"relevant": True, "confidence": 0.9, "reason": "scripted", "themes": []}
    print(f"{'minutes':>8}{'relevance':>11}{'extraction':>12}{'ratio':>8}{'CPU ms':>8}")
    for minutes in MINUTES:
        transcript = synthetic_call(WORDS_A_MINUTE * minutes, seed=minutes)
        asker = ScriptedAsker(lambda r: answered(judged if r.stage is Stage.RELEVANCE else extraction()))
        analyst = LanguageModelAnalyst(asker, "anthropic", "m", b"key")
        began = time.process_time()
        analyst.judge_relevance(transcript, THEMES)
        analyst.extract(transcript)
        spent_ms = 1000 * (time.process_time() - began)
        relevance, *read = map(sent, asker.requests)
        print(f"{minutes:>8}{relevance:>11,}{sum(read):>12,}{relevance / sum(read):>8.3f}{spent_ms:>8.0f}")


if __name__ == "__main__":
    main()
