"""Known warps of a video: cut, paused, slowed, repeated, shortened. Pure arithmetic on times, for ``warp_error``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from mvssl.errors import InputError
from mvssl.frames import Frames, VideoFrames
from mvssl.series import median_step

Warp = Literal["none", "pause", "speed", "repeat", "remove"]
WARPS: tuple[Warp, ...] = ("none", "pause", "speed", "repeat", "remove")


def warped_times(
    time_s: np.ndarray, warp: Warp = "none", *, generator: np.random.Generator, max_cut: float = 0.4
) -> np.ndarray:
    """Which instants a cut and warped version of a video shows, one after the other.

    First 0 to ``max_cut`` of the video is cut from each end, independently. Then, over a piece of 10 to 30 % of the
    rest: "pause" shows its first frame as long as the piece lasts, before it; "speed" shows it at half speed; "repeat"
    shows it twice; "remove" leaves it out.

    Args:
        time_s: (T,) rising presentation times of the source's frames.
        warp: what to do beside the cut.
        generator: of the draws.
        max_cut: largest share cut from one end, below 0.5.

    Returns:
        (T',) times out of ``time_s``, in the order in which they are shown.

    Raises:
        InputError: an unknown warp, ``max_cut`` outside [0, 0.5), fewer than 10 frames.
    """
    if warp not in WARPS:
        raise InputError(f"unknown warp {warp!r}; known: {', '.join(WARPS)}")
    if not 0 <= max_cut < 0.5:
        raise InputError(f"max_cut must lie in [0, 0.5), got {max_cut}")
    if len(time_s) < 10:
        raise InputError(f"a video of {len(time_s)} frames is too short to be cut and warped; 10 are needed")
    first = int(generator.uniform(0, max_cut) * len(time_s))
    last = len(time_s) - int(generator.uniform(0, max_cut) * len(time_s))
    kept = np.arange(first, last)
    length = max(1, int(generator.uniform(0.1, 0.3) * len(kept)))
    start = int(generator.integers(0, len(kept) - length + 1))
    before, piece, after = np.split(kept, [start, start + length])
    middle = {
        "none": piece,
        "pause": np.concatenate([np.repeat(piece[:1], length), piece]),
        "speed": np.repeat(piece, 2),
        "repeat": np.concatenate([piece, piece]),
        "remove": piece[:0],
    }[warp]
    return np.asarray(time_s)[np.concatenate([before, middle, after])]


def version_of(video: str, warp: Warp, *, seed: int, max_cut: float = 0.4) -> Callable[[np.ndarray], np.ndarray]:
    """The cut and warp of one version of one video: the same for the same seed, whatever else is embedded beside it.

    Args:
        video: id of the source.
        warp: what to do beside the cut.
        seed: of all draws; each (video, warp) has draws of its own.
        max_cut: as in ``warped_times``.

    Returns:
        A function from the frame times (T,) of the source to the times (T',) that the version shows.
    """
    own = int.from_bytes(hashlib.sha256(f"{video}#{warp}".encode()).digest()[:8], "little")

    def shown(time_s: np.ndarray) -> np.ndarray:
        try:
            return warped_times(time_s, warp, generator=np.random.default_rng([seed, own]), max_cut=max_cut)
        except InputError as error:
            raise InputError(f"{video}: {error}") from None

    return shown


def warped_frames(
    frames: Frames,
    embed: Callable[[VideoFrames, np.ndarray], np.ndarray],
    *,
    seed: int,
    warps: Sequence[Warp] = WARPS,
    max_cut: float = 0.4,
) -> Frames:
    """Cut and warped versions of each video, one per warp, each cut independently: for ``WarpError`` and ``Offsets``.

    Args:
        frames: plain tables; their times are what can be shown.
        embed: ``embed(video, source_time_s (T',)) -> (T', D)`` embeds afresh the video that shows these instants at a
            constant rate. ``reuse_rows`` will do for encoders that see single frames and no clock, and only for those.
        seed: of the cuts (``version_of``).
        warps: one version each.
        max_cut: as in ``warped_times``.

    Returns:
        Videos "ID#none", "ID#pause", ...; ``session`` is that of the source (or its id), ``extra["source_time_s"]``
        (T', 1) holds the instants shown, ``time_s`` runs on the version's own clock.
    """
    versions = []
    for video in frames:
        for warp in warps:
            shown = version_of(video.video, warp, seed=seed, max_cut=max_cut)(video.time_s)
            step_s = median_step(video.time_s)
            versions.append(
                video._replace(
                    video=f"{video.video}#{warp}",
                    session=video.session or video.video,
                    frame=video.frame[np.searchsorted(video.time_s, shown)],
                    time_s=np.arange(len(shown)) * step_s,
                    embedding=np.asarray(embed(video, shown)),
                    start_s=0.0,
                    end_s=len(shown) * step_s,
                    extra={"source_time_s": shown[:, None]},
                )
            )
    return Frames(versions, frames.metadata)


def reuse_rows(video: VideoFrames, source_time_s: np.ndarray) -> np.ndarray:
    """The rows of the plain table at these instants: what an encoder of single frames would give."""
    return video.embedding[np.searchsorted(video.time_s, source_time_s)]
