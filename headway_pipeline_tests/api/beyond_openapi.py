"""What schemathesis holds against the API beside its own checks; it loads this file by its path."""

import re
from typing import Any

import schemathesis

#: What JSON Schema cannot say, so that a request of the right form may still not be possible. Whatever else the
#: document allows, the API takes.
RULES = re.compile(
    r"this Idempotency-Key was used for another request"
    r"|the range from \S+ to \S+ is reversed"
    r"|the workspace has no active connector to that source"
    r"|there are calls from \S+ to \S+ only"
    r"|\S+ is no address of \w+ \("
    r"|credentials are sent to \S+ by https only"
    r"|another address needs the credentials again"
    r"|\w+ credentials (hold|lack|have no field) "
    r"|the theme .* is archived"
)


@schemathesis.check
def refused_by_a_known_rule(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """A request that is as the document says is refused with 422 by one of the rules only."""
    if response.status_code != 422 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    problem = response.json()
    if problem["type"] != "/problems/not-possible" or not RULES.match(problem["detail"]):
        raise AssertionError(f"no rule of this API: {problem}")
