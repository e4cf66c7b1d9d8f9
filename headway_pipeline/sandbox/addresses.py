"""Names of things as the sandbox's answers and addresses hold them, the same at every start."""

import hashlib
import re
from functools import lru_cache

from headway_pipeline.sandbox.world import Company, SandboxCall

__all__ = ["call_number", "company_slug", "long_id", "page_address"]

FIRST_ID, ID_COUNT = 10**17, 9 * 10**18


@lru_cache(maxsize=2**16)
def long_id(*key: str) -> str:
    """A stable number of 18 or 19 digits, as text: beyond 2**53."""
    digest = hashlib.sha256("\x1f".join(key).encode("utf-8", "surrogatepass")).digest()
    return str(FIRST_ID + int.from_bytes(digest[:8]) % ID_COUNT)


def call_number(call: SandboxCall) -> str:
    """The call's id in Gong and in its address."""
    return call.number or long_id(call.id)


def company_slug(company: Company) -> str:
    """The company's name as it stands in addresses."""
    return re.sub(r"[^a-z0-9]+", "-", company.name.lower()).strip("-")


def page_address(company: Company, call: SandboxCall, base_url: str) -> str:
    """Where a person opens the call, whichever source it is in."""
    return f"{base_url}/call?company={company_slug(company)}&id={call_number(call)}"
