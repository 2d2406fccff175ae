"""A video sent by the browser: its size and kind checked, kept, opened, embedded, or refused in words."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterable
from pathlib import Path

from mvssl import files
from mvssl.embedding import Model, describe
from mvssl.errors import InputError
from mvssl.frames import VideoFrames, write_frames
from mvssl.page.limits import open_upload
from mvssl.types import Video
from mvssl.video.layouts import SUFFIXES


class TooLarge(InputError):
    """More bytes than the page takes."""


def safe_name(name: str) -> str:
    """The last part of a file's name, in letters, digits, dot, dash and underscore.

    Raises:
        InputError: it does not end as a video does.
    """
    name = re.sub(r"[^\w.-]+", "_", re.split(r"[/\\]", name)[-1], flags=re.ASCII).lstrip(".")
    if Path(name).suffix.lower() not in SUFFIXES or not Path(name).stem:
        raise InputError(f"{name or 'no name'}: not a video by its name; taken are {', '.join(sorted(SUFFIXES))}")
    return name[-100:]


async def receive(stream: AsyncIterable[bytes], name: str, folder: Path, *, max_bytes: int) -> Path:
    """Writes the bytes into a file of its own under ``folder``; nothing is left of an upload that is refused or breaks off.

    Raises:
        TooLarge: as soon as there are more than ``max_bytes``.
        InputError: another ending than a video's, no bytes at all.
    """
    name = safe_name(name)
    files.make_folder(folder)
    partial = folder / f".{os.urandom(8).hex()}.part"
    size = 0
    try:
        with partial.open("xb") as file:
            async for chunk in stream:
                size += len(chunk)
                if size > max_bytes:
                    raise TooLarge(f"{name}: larger than the {max_bytes / 1e6:g} MB that this page takes")
                file.write(chunk)
        if not size:
            raise InputError(f"{name}: the file is empty")
        return _placed(partial, folder, name)
    finally:
        partial.unlink(missing_ok=True)


def _placed(partial: Path, folder: Path, name: str) -> Path:
    """Under its own name, or the next free one: an upload never replaces another."""
    stem, suffix, number = Path(name).stem, Path(name).suffix, 1
    while True:
        path = folder / (name if number == 1 else f"{stem}-{number}{suffix}")
        try:
            os.link(partial, path)
            return path
        except FileExistsError:
            number += 1


def take_in(path: Path, model: Model, tables: Path) -> VideoFrames:
    """Opens and embeds an uploaded video; its table goes to ``tables``. A file that is no video, or too much
    of one (``limits``), is deleted.

    Raises:
        InputError: why the video cannot be used, without the path of this machine.
    """
    named = Video(path.name, str(path), start_s=-float("inf"))
    try:
        with open_upload(named) as decoder:
            video = decoder.video._replace(id=f"uploads/{path.name}")
        embedded = model.frames(video)
    except InputError as error:
        path.unlink(missing_ok=True)
        raise InputError(f"{path.name} cannot be used: {str(error).replace(str(path), 'the file')}") from None
    write_frames(tables, embedded, describe(model.encoder, model.recipe, normalise=model.normalise))
    return embedded
