"""What texts in requests may be: nothing a database cannot hold, nothing a terminal would obey, nothing endless."""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StringConstraints

__all__ = ["INTEGRAL", "SECRET", "Day", "LongText", "Name", "Secret", "StrictBody", "Whole"]

#: A line with something visible in it. Lone surrogates never pass: pydantic takes no text that holds one.
_LINE = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LINES = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"

#: A name: one line, without the blanks around it.
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_LINE)]
#: Words of a sentence or several, perhaps none.
LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000, pattern=_LINES)]


def _whole(given: object) -> object:
    return int(given) if isinstance(given, float) and given.is_integer() else given


#: What JSON Schema calls an integer: 7.0 is one, "7" and true are none.
INTEGRAL = BeforeValidator(_whole)
#: What fits a column of 32 bits.
Whole = Annotated[int, Field(strict=True, ge=0, le=2_147_483_647), INTEGRAL]
#: How the document marks what goes in and never comes out.
SECRET = {"writeOnly": True}
#: A credential: visible characters, perhaps with the blanks it was pasted with. Never shown, never given back.
Secret = Annotated[
    str,
    Field(max_length=8192, pattern=r"^[ \t\r\n]*[!-~]+[ \t\r\n]*$", json_schema_extra=SECRET),
    AfterValidator(SecretStr),
]


def _iso_day(given: object) -> date:
    """Only YYYY-MM-DD: what else might be read as a day means something else to its writer."""
    if not isinstance(given, str) or not _ISO_DAY.fullmatch(given):
        raise ValueError("write a day as YYYY-MM-DD")
    return date.fromisoformat(given)


#: A UTC day.
Day = Annotated[date, BeforeValidator(_iso_day)]


class StrictBody(BaseModel):
    """A body in which a misspelt field is refused, not passed over."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
