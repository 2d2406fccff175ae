"""One video through one encoder: a row for each embedded frame, in windows, with memory bounded by the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from tqdm import tqdm

from mvssl.embedding.finished_windows import FinishedWindows
from mvssl.embedding.pictures import pictures
from mvssl.encoders import Encoder
from mvssl.errors import InputError
from mvssl.frames import VideoFrames
from mvssl.series import median_step, shown_at, unit_rows
from mvssl.types import Video
from mvssl.video import Decoder, open_video
from mvssl.views.recipe import Recipe

PICTURES_AT_ONCE = 64  # decoded and sent through the backbone together; bounds memory, changes no result


def windows(time_s: np.ndarray, window_s: float) -> Iterator[tuple[slice, slice]]:
    """Plans overlapping windows on a fixed grid of time: (rows the encoder sees, rows whose result is kept).

    The grid depends on the video's own times alone. Windows are ``window_s`` long and start every half window; a row is
    kept from the window in whose middle half it lies (the first and the last window keep their ends too).
    """
    time_s = time_s - time_s[0]  # a clock that starts at 1.7e9 s leaves no room for the 1e-9 below
    span = time_s[-1]
    hop = window_s / 2
    num_windows = 1 if span < window_s else int(np.ceil((span - window_s) / hop + 1e-9)) + 1
    kept_until = 0
    for number in range(num_windows):
        begin = number * hop
        seen = slice(*np.searchsorted(time_s, [begin - 1e-9, begin + window_s - 1e-9]))
        last = number == num_windows - 1
        if last:
            seen = slice(seen.start, len(time_s))
        end = len(time_s) if last else int(np.searchsorted(time_s, begin + 1.5 * hop - 1e-9))
        if end > kept_until:
            yield seen, slice(kept_until, end)
            kept_until = end


@torch.inference_mode()
def embed_video(
    encoder: Encoder,
    video: Video,
    *,
    recipe: Recipe,
    device: torch.device | str = "cpu",
    layers: tuple[str, ...] = (),
    warp: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None,
    normalise: bool = False,
    mirrored: bool = False,
    parts: FinishedWindows | None = None,
    progress: bool = False,
) -> VideoFrames:
    """Embeds a video frame by frame.

    Args:
        encoder: has ``backbone_features`` and ``temporal`` (see ``encoders/frame.py``); it is put into evaluation mode.
        layers: names of Features.maps that are stored as ``layer_<name>``.
        warp: maps the video's frame times to (source times to show, times on the clip's own clock): a cut, paused or
            sped-up copy, embedded afresh. The table then holds the clip's clock in ``time_s`` and the truth in the
            extra column ``source_time_s``.
        normalise: rows scaled to unit length.
        mirrored: left and right of every picture exchanged; for encoders that are shown rgb.
        parts: where finished windows are kept, and found after an interruption; for long videos.
        progress: show frames done and time left, where the video has several windows.

    Returns:
        One row per embedded frame, in order of time.
    """
    if mirrored and recipe.modality["name"] != "rgb":
        raise InputError(f"mirrored pictures are for encoders that are shown rgb, not {recipe.modality['name']}")
    encoder.eval()
    with open_video(video) as decoder:
        rows = recipe.frames_of(decoder.times_s)
        source_s = decoder.times_s[rows]
        clock_s = source_s
        if warp is not None:
            source_s, clock_s = warp(source_s)
            rows = shown_at(decoder.times_s, source_s)
        show = _backbone_reader(encoder, decoder, source_s, recipe, device, mirrored)
        first_s = 0.0 if warp is not None else float(decoder.index.time_s(int(decoder.index.shown_pts[0])))
        name = video.id if progress else ""
        embedding, columns = temporal_rows(encoder, show, clock_s, recipe.window_s, layers, parts=parts, progress=name)
    if normalise:
        embedding = unit_rows(embedding)
    bounds = decoder.video  # of what is there, where the row states none
    start_s, end_s = (
        float(stated if np.isfinite(stated) else known)
        for stated, known in ((video.start_s, bounds.start_s), (video.end_s, bounds.end_s))
    )
    if warp is not None:
        step_s = median_step(clock_s)
        start_s, end_s = float(clock_s[0]), float(clock_s[-1] + step_s)
        columns["source_time_s"] = np.asarray(source_s, dtype=np.float64)[:, None]
    return VideoFrames(
        video=video.id, frame=rows, time_s=np.asarray(clock_s), embedding=embedding, session=video.session,
        camera=video.camera, group=video.group, split=video.split, label=video.label, path=str(video.path),
        start_s=start_s, end_s=end_s, offset_s=float(video.offset_s), first_s=first_s, extra=columns,
    )  # fmt: skip


@torch.inference_mode()
def temporal_rows(
    encoder: Encoder,
    show: Callable[[slice], torch.Tensor],
    clock_s: np.ndarray,
    window_s: float,
    layers: tuple[str, ...] = (),
    *,
    parts: FinishedWindows | None = None,
    progress: str = "",
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The part after the backbone, window by window: (T, D) embeddings, and the asked-for layers.

    Args:
        show: backbone features (n, D_backbone) of a range of rows; ranges move forward.
        clock_s: (T,) times that the encoder is told.
        parts: where finished windows are kept; those that are there are not computed again.
        progress: name on the bar that is shown for several windows.
    """
    plan = list(windows(clock_s, window_s))
    several = len(plan) > 1
    done: list[dict[str, np.ndarray]] = []
    with tqdm(total=len(clock_s), desc=progress, unit="frame", disable=None if progress and several else True) as bar:
        for seen, keep in plan:
            columns = parts.load(keep) if parts is not None and several else None
            if columns is None:
                columns = _window(encoder, show(seen), clock_s, seen, keep, layers)
                if parts is not None and several:
                    parts.save(keep, columns)
            done.append(columns)
            bar.update(keep.stop - keep.start)
    joined = {name: np.concatenate([columns[name] for columns in done]) for name in done[0]}
    return joined.pop("embedding"), joined


def _window(
    encoder: Encoder,
    features: torch.Tensor,
    clock_s: np.ndarray,
    seen: slice,
    keep: slice,
    layers: tuple[str, ...],
) -> dict[str, np.ndarray]:
    """Columns of the rows that are kept of one window."""
    time_s = torch.tensor(clock_s[seen], device=features.device)[None]
    found = encoder.temporal(features[None], time_s, torch.ones_like(time_s, dtype=torch.bool), layers)
    assert found.frame is not None  # every frame encoder gives frames
    inside = slice(keep.start - seen.start, keep.stop - seen.start)
    columns = {"embedding": found.frame, **{f"layer_{name}": found.maps[name] for name in layers}}
    return {name: rows[0, inside].float().cpu().numpy() for name, rows in columns.items()}


def _backbone_reader(
    encoder: Encoder,
    decoder: Decoder,
    source_s: np.ndarray,
    recipe: Recipe,
    device: torch.device | str,
    mirrored: bool,
) -> Callable[[slice], torch.Tensor]:
    """Backbone features of ranges of rows that move forward, old rows let go. Pictures go through the backbone in
    pieces on a fixed grid, so that a run that begins in the midst gives the same numbers."""
    held: list[torch.Tensor] = []
    first, until = 0, 0

    def show(seen: slice) -> torch.Tensor:
        nonlocal held, first, until
        if until < seen.start:  # windows before were done in an earlier run
            held, first = [], seen.start // PICTURES_AT_ONCE * PICTURES_AT_ONCE
            until = first
        while until < seen.stop:
            part = slice(until, min(until + PICTURES_AT_ONCE, len(source_s)))
            shown = pictures(decoder, source_s[part], recipe).to(device)
            held.extend(encoder.backbone_features(shown.flip(-1) if mirrored else shown)[0])
            until = part.stop
        del held[: seen.start - first]
        first = seen.start
        return torch.stack(held[: seen.stop - seen.start])

    return show


__all__ = ["embed_video", "temporal_rows", "windows"]
