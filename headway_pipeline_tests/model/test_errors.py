"""The error tree is what its module says it is."""

import re

from headway_pipeline.model import errors
from headway_pipeline.model.errors import HeadwayError


def test_every_error_is_exported_and_drawn_in_the_tree() -> None:
    classes = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, HeadwayError)
    }
    assert classes == set(errors.__all__) - {"AskedModel", "Failing", "Refusal"}
    drawn = set(re.findall(r"\b\w+Error\b", errors.__doc__ or ""))
    assert drawn == classes


def test_the_words_of_an_error_end_in_what_to_do() -> None:
    assert str(HeadwayError("the key is wrong", "mend it")) == "the key is wrong: mend it"
    assert str(HeadwayError("the key is wrong")) == "the key is wrong"
