"""What a figure is compared with: floors measured with simpler means, published figures, and what we ask of it.

Floors and published figures are those that come with the sets (`README.md` of the data folder): floors were measured
on comparable held-back data, published ones are other people's, often on other sets.
"""

from dataclasses import dataclass

__all__ = ["Standard", "standard_of"]


@dataclass(frozen=True, slots=True)
class Standard:
    """What one figure is held against; empty or None where there is nothing.

    Attributes:
        asked: the least we ask of the offline analyst.
    """

    floor: str = ""
    published: str = ""
    asked: float | None = None


_NOTHING = Standard()
#: By the beginning of a set's name and the figure's name.
_STANDARDS: dict[tuple[str, str], Standard] = {
    ("feedback_type_appreviews", "bug_report F1"): Standard(
        "keywords .71, TF-IDF with logistic regression .76",
        "unseen source before language models .34-.79 (Devine 2023); language model, zero-shot .84-.85",
        0.78,
    ),
    ("feedback_type_appreviews", "feature_request F1"): Standard(
        "keywords .54, TF-IDF with logistic regression .59",
        "unseen source before language models .15-.53 (Devine 2023)",
        0.65,
    ),
    ("feedback_type_forum", "bug_report F1"): Standard("keywords .28, TF-IDF .36", ".27-.46"),
    ("conversation_requirements", "requirement F1"): Standard(".60; every utterance taken .38", "", 0.62),
    ("theme_match_feature_queries", "F1"): Standard("words in common .71", "", 0.75),
    ("theme_relevance", "accuracy"): Standard(asked=0.90),
    ("sentiment_stackoverflow", "macro-F1"): Standard(".80 trained in domain, .58 transferred", ".87", 0.65),
    ("calls_reference_extraction", "core recall"): Standard(
        "", "goals from interviews: GPT-4o recall .62 (arXiv 2509.01048)", 0.50
    ),
    ("calls_reference_extraction", "precision"): Standard(asked=0.40),
    ("calls without items", "calls left empty"): Standard(asked=1.0),
    ("calls_real", "kept quotes that are verbatim"): Standard(
        "", "trace accuracy of GPT-4o .987 (arXiv 2509.01048)", 1.0
    ),
    ("calls_real", "customer's, sides shown"): Standard(asked=1.0),
}


def standard_of(data: str, figure: str) -> Standard:
    """What the figure of a set is compared with."""
    for (beginning, name), standard in _STANDARDS.items():
        if name == figure and data.startswith(beginning):
            return standard
    return _NOTHING
