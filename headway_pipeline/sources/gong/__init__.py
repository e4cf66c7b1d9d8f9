"""Gong, API v2 (https://gong.app.gong.io/settings/api/documentation; the text below cites its OpenAPI document).

A company connects by an access key, or by OAuth, whose answers name the company's own API address. A connector may be
limited to some of the company's Gong workspaces, by name.

Calls are listed by `POST /v2/calls/extensive`, which filters on the actual start, and hydrated by
`POST /v2/calls/transcript`, a hundred calls a request. Asked for beside each call's metadata:

* `parties`, without which nobody could be told apart;
* `context: Basic`, links to CRM records. `Extended` would bring every CRM field of the customer into our database,
  of which we would use one name;
* no briefs, outlines or trackers, for nobody reads them here and they change after the call is first seen;
* never `media`, whose addresses are signed anew at every request.
"""

from headway_pipeline.sources.gong.source import GongSource

__all__ = ["GongSource"]
