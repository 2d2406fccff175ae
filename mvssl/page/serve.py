"""The page's server: a handful of addresses, each a function of this package, and three static files.

A video is asked for by its number; no address takes a path. GET only reads; what writes a file is POST, with the page's
token. What the user can mend comes back as ``{"error": words}``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from mvssl import files
from mvssl.alignment import TimeMap, write_time_maps
from mvssl.embedding import Model, describe
from mvssl.errors import InputError
from mvssl.page.guard import Answers, Guard, refused
from mvssl.page.library import Library
from mvssl.page.limits import check_picture
from mvssl.page.pictures import frame_picture, matrix_picture
from mvssl.page.playable import copied, shown_as
from mvssl.page.together import Pair, aligned, described, parse_pair
from mvssl.page.upload import TooLarge, receive, take_in
from mvssl.reporting.matrix import write_matrix
from mvssl.reporting.synchronised import write_synchronised
from mvssl.retrieval import Moment, search
from mvssl.video.layouts import SUFFIXES

STATIC = Path(__file__).parent / "static"
LOCAL = ("127.0.0.1", "localhost", "::1")
MAX_HITS, MAX_TOGETHER = 200, 12


class Page:
    """The addresses. Each kind of work has its own queue (``application``): a long one holds up none of the others.

    Args:
        library: the videos.
        folder: of what the page makes: copies for the browser, results, uploads and their tables.
        model: embeds uploads; None: no uploads. It must be the one that made the library's tables.
        max_upload_mb: largest upload, in millions of bytes.
    """

    def __init__(self, library: Library, folder: Path, *, model: Model | None, max_upload_mb: float):
        self.library, self.folder, self.model = library, folder, model
        self.max_upload_mb = max_upload_mb
        self.no_upload = _no_upload(library, model)
        self.token = secrets.token_urlsafe(24)  # of this start of the server
        self._taking_in = CapacityLimiter(1)
        self._picture = lru_cache(maxsize=4096)(self._picture_of)
        self._map = lru_cache(maxsize=64)(self._aligned)

    def listing(self, query: QueryParams) -> Response:
        """Every video: number, id, times, labels."""
        rows = [
            {
                "number": number,
                "id": video.video,
                "start_s": video.start_s if video.end_s > video.start_s else float(video.time_s[0]),
                "end_s": video.end_s if video.end_s > video.start_s else float(video.time_s[-1]),
                "first_s": float(video.time_s[0]),
                "last_s": float(video.time_s[-1]),
                "step_s": float((video.time_s[-1] - video.time_s[0]) / max(1, len(video.time_s) - 1)),
                "about": [text for text in (video.label, video.session, video.camera, video.split) if text],
                "labels": [row._asdict() for row in self.library.segments.get(video.video, [])],
            }
            for number, video in enumerate(self.library.videos)
        ]
        upload = {"refused": self.no_upload, "max_mb": self.max_upload_mb, "suffixes": sorted(SUFFIXES)}
        names = self.library.segments.labels
        return JSONResponse({"videos": rows, "names": names, "upload": upload, "token": self.token})

    def picture(self, query: QueryParams) -> Response:
        """JPEG of a video at a time."""
        found = self._picture(_whole(query, "video"), round(_number(query, "time_s"), 3), _whole(query, "height", 180))
        return Response(found, media_type="image/jpeg", headers={"Cache-Control": "max-age=3600"})

    def video(self, query: QueryParams) -> Response:
        """The video, or with ``copy``, or where no browser plays it, the copy that ``copy`` made; in pieces."""
        path = shown_as(self.library.video(_whole(query, "video")), self.folder / "copies", copy="copy" in query)
        if path is None:
            return refused("browsers cannot play this one as it is, and no copy is made yet (POST api/copy)", 409)
        return FileResponse(path, media_type="video/webm" if path.suffix == ".webm" else "video/mp4")

    def copy(self, query: QueryParams) -> Response:
        """Makes a copy that a browser can play, where there is none yet."""
        video = self.library.video(_whole(query, "video"))
        check_picture(video)
        copied(video, self.folder / "copies")
        return JSONResponse({"number": _whole(query, "video")})

    def search(self, query: QueryParams) -> Response:
        """The same moment in the other videos, nearest first."""
        start_s = _number(query, "start_s")
        moment = Moment(self.library[_whole(query, "video")].video, start_s, _number(query, "end_s", start_s))
        k = min(_whole(query, "k", 12), MAX_HITS)
        matches = search(self.library.index, moment, k=k, exclude_session=True)
        fields = ("rank", "frame", "time_s", "start_s", "end_s", "distance")
        return JSONResponse(
            [
                {"number": self.library.number_of(m.video), **{name: getattr(m, name) for name in fields}}
                for m in matches
            ]
        )

    def align(self, query: QueryParams) -> Response:
        """The time map of one query to the reference."""
        reference, pairs = self._pairs(query)
        other = self.library[pairs[0].query]
        found = described(self._map(reference, pairs[0]), self.library.segments, other)
        return JSONResponse({**found, "query": pairs[0].query})

    def matrix(self, query: QueryParams) -> Response:
        """PNG of the similarities of two videos, without axes: the page draws path, pins and times over it."""
        reference, pairs = self._pairs(query)
        found = matrix_picture(self.library[reference], self.library[pairs[0].query])
        return Response(found, media_type="image/png")

    def save(self, query: QueryParams) -> Response:
        """The alignment as files: ``kind`` is video (MP4 of all), table (Parquet) or picture (matrix with axes)."""
        reference, pairs = self._pairs(query)
        maps = [self._map(reference, pair) for pair in pairs]
        folder, kind = self.folder / "saved", query.get("kind")
        files.make_folder(folder)
        first = self.library[reference]
        if kind == "table":
            path = write_time_maps(folder / "align.parquet", maps)
        elif kind == "picture":
            other = self.library[pairs[0].query]
            path = write_matrix(folder / "matrix.png", first, other, maps[0], segments=self.library.segments)
        elif kind == "video":
            queries = [(self.library.video(pair.query), found) for pair, found in zip(pairs, maps)]
            target = folder / "synchronised.mp4"
            path = write_synchronised(target, self.library.video(reference), queries, segments=self.library.segments)
        else:
            raise InputError(f"kind {kind!r}: known are video, table and picture")
        content = path.read_bytes()
        return Response(content, headers={"Content-Disposition": f'attachment; filename="{path.name}"'})

    async def upload(self, request: Request) -> Response:
        """Takes in a video as the body of the request."""
        if self.no_upload or self.model is None:
            return refused(self.no_upload, 409)
        limit = int(self.max_upload_mb * 1e6)
        name = request.query_params.get("name", "")
        if int(request.headers.get("content-length") or 0) > limit:
            return refused(f"larger than the {self.max_upload_mb:g} MB that this page takes", 413)
        path = await receive(request.stream(), name, self.library.uploads, max_bytes=limit)
        return JSONResponse({"number": await run_sync(self._take_in, path, limiter=self._taking_in)})

    def _take_in(self, path: Path) -> int:
        assert self.model is not None
        return self.library.add(take_in(path, self.model, self.folder / "uploaded_frames"))

    def _picture_of(self, number: int, time_s: float, height: int) -> bytes:
        video = self.library.video(number)
        check_picture(video)
        return frame_picture(video, time_s, height=height)

    def _aligned(self, reference: int, pair: Pair) -> TimeMap:
        trained = bool(self.library.metadata.get("normalised"))  # the zero-shot default's rows are not
        centre = not self.library.metadata.get("centred")
        videos = self.library[reference], self.library[pair.query]
        return aligned(*videos, pair.pins, trained=trained, centre=centre)

    def _pairs(self, query: QueryParams) -> tuple[int, list[Pair]]:
        pairs = [parse_pair(text) for text in query.getlist("query")]
        if not 1 <= len(pairs) <= MAX_TOGETHER:
            raise InputError(f"{len(pairs)} videos to align: from 1 to {MAX_TOGETHER} beside the reference")
        return _whole(query, "reference"), pairs


def application(page: Page, *, host: str = "127.0.0.1") -> Starlette:
    """The server as an ASGI application; for a local ``host`` it answers to local names only (no DNS rebinding)."""
    looking, computing, copying, saving = (CapacityLimiter(number) for number in (8, 2, 1, 1))
    works: list[tuple[str, str, Callable[[QueryParams], Response], CapacityLimiter]] = [
        ("GET", "library", page.listing, looking),
        ("GET", "picture", page.picture, looking),
        ("GET", "video", page.video, looking),
        ("GET", "search", page.search, computing),
        ("GET", "align", page.align, computing),
        ("GET", "matrix", page.matrix, computing),
        ("POST", "copy", page.copy, copying),
        ("POST", "save", page.save, saving),
    ]
    api = [Route(f"/{name}", _answering(work, limiter), methods=[method]) for method, name, work, limiter in works]
    api += [Route("/upload", page.upload, methods=["POST"])]
    routes = [Mount("/api", routes=api), Mount("/", StaticFiles(directory=STATIC, html=True))]
    hosts = [*LOCAL, "[::1]"] if host in LOCAL else ["*"]
    answers = Answers((page.library.root, page.library.uploads, page.folder))
    return Starlette(
        routes=routes,
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts), Middleware(Guard, token=page.token)],
        exception_handlers={
            TooLarge: lambda _, error: refused(str(error), 413),
            ClientDisconnect: lambda _, error: refused("the upload broke off", 400),
            **{kind: lambda _, error: answers(error) for kind in (InputError, OSError, MemoryError, Exception)},
        },
    )


def _answering(work: Callable[[QueryParams], Response], limiter: CapacityLimiter) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:  # those that wait hold no thread
        return await run_sync(work, request.query_params, limiter=limiter)

    return answer


def _number(query: QueryParams, name: str, default: float | None = None) -> float:
    try:
        value = float(query[name])
    except KeyError:
        if default is None:
            raise InputError(f"{name} is missing") from None
        return default
    except ValueError:
        raise InputError(f"{name} = {query[name]!r} is not a number") from None
    if not abs(value) < 1e9:
        raise InputError(f"{name} = {query[name]!r} is out of range")
    return value


def _whole(query: QueryParams, name: str, default: int | None = None) -> int:
    value = _number(query, name, default)
    if value != int(value) or value < 0:
        raise InputError(f"{name} = {query[name]!r}: a whole number from 0 on")
    return int(value)


def _no_upload(library: Library, model: Model | None) -> str:
    if model is None:
        return "uploads need the model that made these tables: start the page with --run RUN"
    made = describe(model.encoder, model.recipe, normalise=model.normalise)["model"]
    if made != library.metadata.get("model"):
        return (
            f"uploads need the model that made these tables ({library.metadata.get('model')}); the one given is {made}"
        )
    return ""
