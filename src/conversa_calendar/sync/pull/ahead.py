"""Reading ahead: the next page of a long listing is on its way while the one before it is being written."""

import logging
import threading
from typing import Any

from django.db import connection

from conversa_calendar.providers.protocol import Page, Provider

AFTER_PAGES = 3
"""A run reads ahead once it has written so many pages without a break, so that a worker that is killed again and again
does not ask for the same page each time."""
log = logging.getLogger(__name__)


class PageAhead(threading.Thread):
    """One page on its way. `query` is what `Provider.list_events` takes."""

    def __init__(self, provider: Provider, query: dict[str, Any]) -> None:
        super().__init__(daemon=True, name="page-ahead")
        self._provider = provider
        self._query = query
        self._page: Page | None = None
        self.start()

    def run(self) -> None:
        try:
            self._page = self._provider.list_events(**self._query)
        except Exception:
            log.info("a page could not be read ahead", exc_info=True)
        finally:
            connection.close()

    def take(self, query: dict[str, Any]) -> Page | None:
        """The page, when it is the one that `query` asks for and it came; trouble shows when it is asked for again."""
        self.join()
        return self._page if query == self._query else None
