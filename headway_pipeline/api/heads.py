"""Connections that send no request: they are closed, for there is place for so many only.

uvicorn waits for the head of a request as long as its sender likes, and counts who says nothing among those it works
for (https://www.uvicorn.org/settings/#resource-limits).
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["HEAD_DEADLINE_S", "PunctualProtocol"]

#: A head must be there within this, from the connection or from the answer before it on.
HEAD_DEADLINE_S = 10.0


class PunctualProtocol(H11Protocol):
    """HTTP/1.1 with an end to the wait for a head."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Somebody is there."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Somebody is gone."""
        self._expect_nothing()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """The next one may come; it may be here already."""
        self._expect_head()
        super().on_response_complete()

    def _expect_head(self) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(HEAD_DEADLINE_S, self._close_unless_asked, self.cycle)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    def _close_unless_asked(self, before: object) -> None:
        """Close where no request has begun since the one `before`."""
        if self.cycle is before and not self.transport.is_closing():
            self.transport.close()
