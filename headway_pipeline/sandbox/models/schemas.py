"""What both vendors refuse in the schema of an answer."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["schema_problem"]

#: Keywords that Anthropic's structured output does not know; its library moves them into descriptions.
UNKNOWN_TO_ANTHROPIC = frozenset(
    {"maxLength", "minLength", "pattern", "maximum", "minimum", "multipleOf", "maxItems", "uniqueItems", "default"}
)


def schema_problem(schema: object, *, is_strict: bool) -> str | None:
    """Why the schema is refused, or None.

    Args:
        is_strict: OpenAI's strict form, in which every property is required; else Anthropic's.
    """
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        return "the schema must be of an object"
    for node in _nodes(schema):
        if node.get("type") == "object":
            properties = node.get("properties", {})
            if node.get("additionalProperties") is not False:
                return "'additionalProperties' is required to be supplied and to be false"
            if is_strict and set(node.get("required", ())) != set(properties):
                return "'required' is required to be an array including every key in properties"
        unknown = set() if is_strict else UNKNOWN_TO_ANTHROPIC & set(node)
        if unknown:
            return f"properties {', '.join(sorted(unknown))} are not supported"
    return None


def _nodes(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The schema and every schema in it."""
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values(), *schema.get("anyOf", ())]
    if isinstance(schema.get("items"), Mapping):
        inner.append(schema["items"])
    for node in inner:
        if isinstance(node, Mapping):
            yield from _nodes(node)
