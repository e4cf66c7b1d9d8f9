"""Fathom, External API v1 (https://developers.fathom.ai/api-reference), asked with an API key or by OAuth.

A key belongs to a user and sees that user's meetings and those shared with the user. Meetings are listed by
`GET /meetings`, ten a page, newest first. Its filters go by `created_at`, a moment after the recording ended: a
listing reaches past the last day, and each call is placed by its start. Transcripts come inline from the same list
(`include_transcript`), ten a request, which Fathom counts as a heavy one; so calls are listed without them, and a
batch of ten is fetched over the span of its own creation times. OAuth apps are refused `include_transcript`: with
OAuth each transcript is a heavy request of its own.

Asked for beside each meeting: `include_crm_matches`, of which only the companies are kept. Never summaries, action
items or highlights, for nobody reads them here.
"""

from headway_pipeline.sources.fathom.source import FathomSource

__all__ = ["FathomSource"]
