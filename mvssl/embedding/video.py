"""One video through one encoder: a row for each embedded frame, in windows, with memory bounded by the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from mvssl.embedding.pictures import pictures
from mvssl.embedding.recipe import Recipe
from mvssl.embedding.tables import VideoFrames
from mvssl.encoders import FrameEncoder
from mvssl.errors import InputError
from mvssl.types import Video
from mvssl.video import Decoder, open_video

PICTURES_AT_ONCE = 64  # decoded and sent through the backbone together; bounds memory, changes no result


def windows(time_s: np.ndarray, window_s: float) -> Iterator[tuple[slice, slice]]:
    """Plans overlapping windows on a fixed grid of time: (rows the encoder sees, rows whose result is kept).

    The grid depends on the video's own times alone. Windows are ``window_s`` long and start every half window; a row is
    kept from the window in whose middle half it lies (the first and the last window keep their ends too).
    """
    start, span = time_s[0], time_s[-1] - time_s[0]
    hop = window_s / 2
    num_windows = 1 if span < window_s else int(np.ceil((span - window_s) / hop + 1e-9)) + 1
    kept_until = 0
    for number in range(num_windows):
        begin = start + number * hop
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
    encoder: FrameEncoder,
    video: Video,
    *,
    recipe: Recipe,
    device: torch.device | str = "cpu",
    layers: tuple[str, ...] = (),
    warp: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None,
    normalise: bool = False,
    mirrored: bool = False,
) -> VideoFrames:
    """Embeds a video frame by frame.

    Args:
        encoder: has ``trunk_features`` and ``temporal`` (see ``encoders/frame.py``); it is put into evaluation mode.
        layers: names of Features.maps that are stored as ``layer_<name>``.
        warp: maps the video's frame times to (source times to show, times on the clip's own clock): a cut, paused or
            sped-up copy, embedded afresh. The table then holds the clip's clock in ``time_s`` and the truth in the
            extra column ``source_time_s``.
        normalise: rows scaled to unit length.
        mirrored: left and right of every picture exchanged; for encoders that are shown rgb.

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
            rows = np.searchsorted(decoder.times_s, source_s + 1e-4, side="right") - 1
        show = _trunk_reader(encoder, decoder, source_s, recipe, device, mirrored)
        embedding, columns = temporal_rows(encoder, show, clock_s, recipe.window_s, layers)
    if normalise:
        embedding = unit(embedding)
    start_s, end_s = float(video.start_s), float(video.end_s)
    if warp is not None:
        step_s = np.median(np.diff(clock_s)) if len(clock_s) > 1 else 0.0
        start_s, end_s = float(clock_s[0]), float(clock_s[-1] + step_s)
        columns["source_time_s"] = np.asarray(source_s, dtype=np.float32)[:, None]
    return VideoFrames(
        video=video.id, frame=rows, time_s=np.asarray(clock_s), embedding=embedding, session=video.session,
        camera=video.camera, group=video.group, split=video.split, label=video.label, path=str(video.path),
        start_s=start_s, end_s=end_s, offset_s=float(video.offset_s), extra=columns,
    )  # fmt: skip


@torch.inference_mode()
def temporal_rows(
    encoder: FrameEncoder,
    show: Callable[[slice], torch.Tensor],
    clock_s: np.ndarray,
    window_s: float,
    layers: tuple[str, ...] = (),
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The part after the backbone, window by window: (T, D) embeddings, and the asked-for layers.

    Args:
        show: backbone features (n, D_trunk) of a range of rows; ranges move forward.
        clock_s: (T,) times that the encoder is told.
    """
    kept: list[torch.Tensor] = []
    extra: dict[str, list[torch.Tensor]] = {f"layer_{name}": [] for name in layers}
    for seen, keep in windows(clock_s, window_s):
        features = show(seen)
        time_s = torch.tensor(clock_s[seen], device=features.device)[None]
        found = encoder.temporal(features[None], time_s, torch.ones_like(time_s, dtype=torch.bool), layers)
        assert found.frame is not None  # every frame encoder gives frames
        inside = slice(keep.start - seen.start, keep.stop - seen.start)
        kept.append(found.frame[0, inside].float().cpu())
        for name in layers:
            extra[f"layer_{name}"].append(found.maps[name][0, inside].float().cpu())
    return torch.cat(kept).numpy(), {name: torch.cat(parts).numpy() for name, parts in extra.items()}


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows scaled to unit length."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _trunk_reader(
    encoder: FrameEncoder,
    decoder: Decoder,
    source_s: np.ndarray,
    recipe: Recipe,
    device: torch.device | str,
    mirrored: bool,
) -> Callable[[slice], torch.Tensor]:
    """Backbone features of a growing range of rows; each picture is decoded and encoded once, old rows are let go."""
    held: list[torch.Tensor] = []
    first, until = 0, 0

    def show(seen: slice) -> torch.Tensor:
        nonlocal held, first, until
        drop = seen.start - first
        held, first = held[drop:], seen.start
        while until < seen.stop:
            part = slice(until, min(until + PICTURES_AT_ONCE, seen.stop))
            shown = pictures(decoder, source_s[part], recipe).to(device)
            held.extend(encoder.trunk_features(shown.flip(-1) if mirrored else shown)[0])
            until = part.stop
        return torch.stack(held)

    return show


__all__ = ["embed_video", "temporal_rows", "unit", "windows"]
