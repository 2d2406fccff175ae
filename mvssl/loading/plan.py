"""What a sample shows, before any file is opened: times and draws of its views, from its ticket's seed alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from mvssl.errors import InputError
from mvssl.sampling import leave_room
from mvssl.types import ClipRequest, Video
from mvssl.views import Drawn, Transform


class Shown(NamedTuple):
    """One of the sampler's views in one sample."""

    video: Video
    request: ClipRequest  # the instants
    drawn: Drawn  # the augmentation
    number: int  # of that draw among those that the video keeps; -1 where every sample has draws of its own


class Draws(Protocol):
    """The augmentation of each view: {place among the sampler's views: video} -> {place: (draw, its number)}."""

    def __call__(self, videos: Mapping[int, Video], generator: np.random.Generator) -> dict[int, tuple[Drawn, int]]: ...


class FreshDraws:
    """Every view of every sample has a draw of its own."""

    def __init__(self, transform: Transform):
        self.transform = transform

    def __call__(self, videos: Mapping[int, Video], generator: np.random.Generator) -> dict[int, tuple[Drawn, int]]:
        return {
            view: (self.transform.draw(view, video.width, video.height, generator), -1)
            for view, video in videos.items()
        }


class KeptDraws:
    """Each video has ``passes`` draws for good, of which the views of a sample are given different ones.

    Args:
        passes: P; the draws of a video depend on its id, on ``seed`` and on their number, 0 to P - 1.
    """

    def __init__(self, transform: Transform, *, passes: int, seed: int):
        self.transform, self.passes, self.seed = transform, passes, seed
        self._known: dict[tuple[str, int], Drawn] = {}

    def of(self, video: Video) -> list[Drawn]:
        """All draws of a video; as many of them for the sampler's first view as for its second."""
        return [self._one(video, number) for number in range(self.passes)]

    def __call__(self, videos: Mapping[int, Video], generator: np.random.Generator) -> dict[int, tuple[Drawn, int]]:
        order = generator.permutation(self.passes)
        numbers = {view: int(order[view % self.passes]) for view in videos}
        return {view: (self._one(video, numbers[view]), numbers[view]) for view, video in videos.items()}

    def _one(self, video: Video, number: int) -> Drawn:
        if (video.id, number) not in self._known:
            generator = np.random.default_rng((self.seed, number, *video.id.encode()))
            self._known[video.id, number] = self.transform.draw(number % 2, video.width, video.height, generator)
        return self._known[video.id, number]


class SamplePlan:
    """(session, seed) -> {the sampler's view: what it shows}; a view that the session does not have is left out.

    Args:
        reach_s: how far beyond its times the farthest-looking modality looks.
    """

    def __init__(self, sampler: Any, draws: Draws, *, reach_s: float):
        self.sampler, self.draws, self.reach_s = sampler, draws, reach_s

    def __call__(self, session: tuple[Video, ...], seed: tuple[int, ...] | int) -> dict[str, Shown]:
        generator = np.random.default_rng(seed)
        requests = self.sampler(tuple(leave_room(video, self.reach_s) for video in session), generator)
        videos = {video.id: video for video in session}
        views = {place: view for place, view in enumerate(self.sampler.views) if view in requests}
        drawn = self.draws({place: videos[requests[view].video_id] for place, view in views.items()}, generator)
        return {
            view: Shown(videos[requests[view].video_id], requests[view], *drawn[place]) for place, view in views.items()
        }


def source_view(name: str, sampler_views: tuple[str, ...], of: Mapping[str, str] | None = None) -> str:
    """The sampler's view that a view is made of: the one that ``of`` states; else the one of its own name, or of its name
    up to a "_"; else the only one.

    Raises:
        InputError: none of these.
    """
    if name in (of or {}):
        stated = of[name]  # type: ignore[index]
        if stated not in sampler_views:
            raise InputError(
                f"modalities: view {name!r} is made of {stated!r}, which is none of the sampler's views "
                f"({', '.join(sampler_views)})"
            )
        return stated
    for view in sampler_views:
        if name == view or name.startswith(f"{view}_"):
            return view
    if len(sampler_views) == 1:
        return sampler_views[0]
    raise InputError(
        f"modalities: view {name!r} is none of the sampler's ({', '.join(sampler_views)}); state it as "
        "of: VIEW, or call it by one of these names, or by one of them followed by _ and anything"
    )
