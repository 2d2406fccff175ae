"""The page: look at videos, find a moment elsewhere, play videos side by side, in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mvssl.api._embed import embed
from mvssl.api._labels import labels_of
from mvssl.api._models import model_for
from mvssl.embedding import Model
from mvssl.errors import InputError
from mvssl.frames import SUFFIX, Frames, read_frames
from mvssl.types import Video

if TYPE_CHECKING:
    from starlette.applications import Starlette

HINT = "the page needs the extra [app]: pip install 'mvssl[app]'"


def page(
    frames: str | Path,
    output: str | Path = "page",
    *,
    run: str | Path | Model | None = None,
    videos: str | Path | None = None,
    labels: str | Path | None = None,
    host: str = "127.0.0.1",
    max_upload_mb: float = 500.0,
) -> Starlette:
    """The page as an ASGI application, for a server of one's own; ``app`` starts one.

    Args:
        frames: a folder of tables (``mvssl embed``), or a folder of videos, which is embedded into ``output/frames``.
        output: folder of what the page makes: uploads, copies that a browser can play, results.
        run: the model that made the tables; needed for uploads. For a folder of videos, None means zero-shot.
        videos: the folder that may be shown, where the videos were moved; default: read from the tables.
        labels: segments table; default: segments.csv in the folder of the videos, if there is one.
        host: a local one answers to local names only.
        max_upload_mb: largest upload, in millions of bytes.

    Raises:
        InputError: no tables and no videos there, tables of several models, the extra is missing.
    """
    try:
        from mvssl.page.serve import Page, application
    except ModuleNotFoundError as error:
        raise InputError(f"{HINT} ({error})") from None
    from mvssl.page.library import Library, root_of

    frames, output = Path(frames), Path(output)
    tables = frames.is_dir() and any(frames.glob("*" + SUFFIX))
    model = None if run is None and tables else model_for(run)
    if not frames.is_dir():
        raise InputError(f"{frames}: no such folder; give one of tables (mvssl embed) or one of videos")
    found = read_frames(frames) if tables else embed(model, frames, output / "frames")
    root = Path(videos) if videos is not None else root_of(found.videos) if tables else frames
    segments = labels_of(root, labels, [Video(one.video, one.path) for one in found])
    earlier = output / "uploaded_frames"
    if any(earlier.glob("*" + SUFFIX)):
        uploaded = read_frames(earlier)
        if uploaded.metadata["model"] == found.metadata["model"]:  # else they wait for a page of their own model
            found = Frames([*found, *uploaded], found.metadata)
    library = Library(found, root=root, uploads=output / "uploads", segments=segments)
    return application(Page(library, output, model=model, max_upload_mb=max_upload_mb), host=host)


def app(
    frames: str | Path,
    output: str | Path = "page",
    *,
    run: str | Path | Model | None = None,
    videos: str | Path | None = None,
    labels: str | Path | None = None,
    host: str = "127.0.0.1",
    port: int = 7860,
    max_upload_mb: float = 500.0,
) -> None:
    """Serves the page until it is interrupted; the arguments are those of ``page``."""
    found = page(frames, output, run=run, videos=videos, labels=labels, host=host, max_upload_mb=max_upload_mb)
    import uvicorn

    print(f"open http://{host}:{port} in a browser; Ctrl-C ends the page", flush=True)
    uvicorn.run(found, host=host, port=port, log_level="warning")
