"""Who may ask what: no other site's page asks anything, and what writes needs a token that only the page itself can read.

Every answer, also one about a fault, goes out without a path of this machine.
"""

from __future__ import annotations

import re
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from mvssl.errors import InputError
from mvssl.faults import in_words

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
TOKEN_HEADER = "x-mvssl"
_FOLDERS = re.compile(r"(?<![\w.:/])/(?:[^\s/:'\"]+/)+")


class Guard:
    """An ASGI layer: adds ``HEADERS`` to every answer and refuses what other sites' pages ask of ``/api/``.

    Browsers say where a request comes from (Sec-Fetch-Site, Origin); a request without either is from a program of the
    user. POST requests must also bear the token of this start of the server.
    """

    def __init__(self, app: Any, *, token: str):
        self.app, self.token = app, token

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            await send(message)

        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif words := self._objection(scope):
            await refused(words, 403)(scope, receive, with_headers)
        else:
            await self.app(scope, receive, with_headers)

    def _objection(self, scope: Any) -> str:
        if not scope["path"].startswith("/api/"):
            return ""
        headers = Headers(scope=scope)
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return "asked by another site's page"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            return "asked by another site's page"
        if scope["method"] == "POST" and not secrets.compare_digest(headers.get(TOKEN_HEADER, ""), self.token):
            return "what writes is asked by the page itself (its token is missing or old: load the page again)"
        return ""


class Answers:
    """Faults as answers in words, without the folders of this machine."""

    def __init__(self, folders: Iterable[Path]):
        known = {str(form) for folder in (*folders, Path.home(), Path.cwd(), Path(tempfile.gettempdir()))
                 for form in (folder, folder.resolve())}  # fmt: skip
        self._known = sorted((folder for folder in known if len(folder) > 1), key=len, reverse=True)

    def __call__(self, error: Exception) -> JSONResponse:
        words = in_words(error)
        if words is None:
            return refused("something unexpected went wrong; the window in which the page was started shows it", 500)
        return refused(self.without_paths(words), 400 if isinstance(error, InputError) else 500)

    def without_paths(self, text: str) -> str:
        """A message with names of files alone, whatever folders they lie in."""
        for folder in self._known:
            text = text.replace(folder + "/", "").replace(folder, "the folder")
        return _FOLDERS.sub("", text)


def refused(words: str, status: int) -> JSONResponse:
    return JSONResponse({"error": words}, status_code=status)
