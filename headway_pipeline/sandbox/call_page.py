"""The page a link to a call opens: its transcript, at the moment that was shared."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from html import escape

from headway_pipeline.sandbox.addresses import call_number, company_slug
from headway_pipeline.sandbox.exchange import Reply, Request, html_reply, no_page
from headway_pipeline.sandbox.gong.shapes import Sentence, sentences_of
from headway_pipeline.sandbox.world import Company, SandboxCall, Utterance, World

__all__ = ["call_page", "find_call_page"]

STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; color: #1d2433; background: #f6f7f9; margin: 0; }
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 50vh; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } .about { color: #5b6478; margin: 0 0 2rem; }
.turn { display: grid; grid-template-columns: 4.5rem 1fr; gap: .75rem; padding: .5rem 0; }
time { color: #8a92a6; font-variant-numeric: tabular-nums; } .who { font-weight: 600; }
.side { color: #5b6478; font-weight: 400; } p { margin: 0; } mark { background: #fff1a8; padding: .1em 0; }
#moment { background: #ffd84d; }
"""
SCRIPT = "document.getElementById('moment')?.scrollIntoView({block: 'center'})"
#: A link to a moment alone marks this much of the call.
SHARED_S = 30
#: Calls hold untrusted text: nothing runs on the page but the line above, and nothing is loaded.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; "
    f"script-src 'sha256-{base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}'"
)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The shared part of a call, in whole seconds."""

    start_s: int
    end_s: int

    def holds(self, sentence: Sentence) -> bool:
        """Whether the sentence begins in the stretch, or is under way when it begins."""
        begins_s = sentence.start_ms // 1000
        return self.start_s <= begins_s < self.end_s or begins_s < self.start_s < sentence.end_ms // 1000


def find_call_page(world: World, request: Request) -> Reply:
    """The page a request names by `id`, and by `company` where two have such a call; else a 404."""
    wanted, slug = request.query.get("id", ""), request.query.get("company")
    for company in world.companies:
        if slug in (None, company_slug(company)):
            for call in company.calls:
                if call_number(call) == wanted:
                    query = request.query
                    return call_page(company, call, query.get("highlights", ""), query.get("timestamp", ""))
    return no_page()


def call_page(company: Company, call: SandboxCall, highlights: str, timestamp: str = "") -> Reply:
    """The transcript as a web page.

    Args:
        company: whose call it is.
        call: what to show.
        highlights: as in Gong's share links, JSON `[{"from": s, "to": s, ...}]`; anything else marks nothing.
        timestamp: as in Fathom's links, whole seconds; anything else marks nothing.
    """
    stretch = _stretch_of(highlights) or _stretch_from(timestamp)
    turns = "\n".join(_turn(call, utterance, stretch) for utterance in call.utterances)
    turns = turns.replace("<mark>", '<mark id="moment">', 1)
    title = escape(call.title)
    about = f"{escape(company.name)} · {call.started_at:%d %B %Y, %H:%M} UTC · {_clock(call.duration_s)}"
    if call.account:
        about += f" · {escape(call.account)}"
    return html_reply(
        200,
        f'<!doctype html>\n<html lang="{escape(call.language)}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{STYLE}</style></head>\n'
        f'<body><main><h1>{title}</h1><p class="about">{about}</p>\n{turns}\n</main>'
        f"<script>{SCRIPT}</script></body></html>\n",
        {"Content-Security-Policy": POLICY},
    )


def _stretch_of(highlights: str) -> _Stretch | None:
    try:
        shared = json.loads(highlights)[0]
        return _Stretch(int(shared["from"]), int(shared["to"]))
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        # People edit addresses; the transcript is worth showing all the same.
        return None


def _stretch_from(timestamp: str) -> _Stretch | None:
    """The half minute that begins at a second."""
    if not re.fullmatch(r"[0-9]{1,9}", timestamp):
        return None
    return _Stretch(int(timestamp), int(timestamp) + SHARED_S)


def _turn(call: SandboxCall, utterance: Utterance, stretch: _Stretch | None) -> str:
    speaker = next((one for one in call.speakers if one.id == utterance.speaker_id), None)
    name = escape(speaker.name) if speaker else "Unknown speaker"
    side = f' <span class="side">{speaker.side.value}</span>' if speaker else ""
    said = " ".join(
        f"<mark>{escape(sentence.text)}</mark>" if stretch and stretch.holds(sentence) else escape(sentence.text)
        for sentence in sentences_of(utterance)
    )
    return (
        f'<div class="turn"><time>{_clock(utterance.start_s)}</time>'
        f'<div><p class="who">{name}{side}</p><p>{said}</p></div></div>'
    )


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}"
