"""What tokens cost, from the price lists that genai-prices brings along; an unknown price is None, never 0.

The lists are data of the installed version (https://github.com/pydantic/genai-prices): nothing is fetched.
"""

from datetime import datetime
from decimal import Decimal

from headway_pipeline.llm.contract import LLMUsage, Provider

__all__ = ["listed_context_tokens", "price_usd"]

#: Both vendors ask half the price for what may take a day.
BATCH_SHARE = Decimal("0.5")


def price_usd(
    provider: type[Provider], model: str, usage: LLMUsage, *, at: datetime, is_batch: bool = False
) -> float | None:
    """The price of `usage`, measured or expected, in US dollars; None where a count or the price is not known.

    Args:
        at: when it was or will be asked; prices change over time.
    """
    # There is no prompt of 0 tokens: servers that do not count say so.
    if provider.price_list is None or not usage.input_tokens or usage.output_tokens is None:
        return None
    # Imported where used: a quarter of a CPU second that commands without a price need not pay.
    from genai_prices import Usage, calc_price

    try:
        price = calc_price(
            Usage(
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                cache_read_tokens=usage.cached_input_tokens or 0,
                cache_write_tokens=usage.cache_write_tokens or 0,
            ),
            model,
            provider_id=provider.price_list,
            genai_request_timestamp=at,
        )
    except (LookupError, ValueError):
        # No such model in the list, or counts that contradict each other.
        return None
    return float(price.total_price * BATCH_SHARE if is_batch else price.total_price)


def listed_context_tokens(price_list: str, model: str) -> int | None:
    """The length of the model's context as the price list states it, or None."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        _provider, found = get_snapshot().find_provider_model(model, None, price_list, None)
    except LookupError:
        return None
    return found.context_window
