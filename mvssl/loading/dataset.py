"""A ticket to a sample: what it shows is planned, then decoded or taken from a cache; what cannot be read is absent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from torch.utils.data import Dataset, get_worker_info

from mvssl.errors import InputError, VideoError
from mvssl.loading.cache import FeatureCache
from mvssl.loading.clips import DecodedViews
from mvssl.loading.collate import Sample, absent_view
from mvssl.loading.features import CachedViews
from mvssl.loading.plan import Draws, FreshDraws, SamplePlan, Shown, source_view
from mvssl.sampling import Ticket
from mvssl.types import Video, View
from mvssl.video.bad_files import BadFiles
from mvssl.views import Modality, Transform
from mvssl.views.modalities.rgb import RgbModality


class ClipDataset(Dataset):
    """Sessions of videos as samples. ``dataset[ticket]`` is the same sample every time, bit for bit.

    Args:
        sessions: the samples (``mvssl.sampling.sessions``).
        sampler: which times of which videos; ``views`` are their names in order.
        transform: an augmentation, or ``EvaluationViews``.
        modalities: view name -> modality. Default: every view of the sampler as RGB. Views made of one view of the
            sampler share its times, crop and every other draw.
        of: view name -> the sampler's view that it is made of. Default: ``source_view``.
        videos: the index, whose rows ``Batch.video_id`` counts. Default: those of the samples, one after the other.
        caches: view name -> filled cache; views then show their features, and ``draws`` are those of the caches.
        draws: the augmentation of each view. Default: one of its own for every view of every sample.
        policy: what a video that cannot be read does. "error" stops; "skip" leaves the sample in its place with
            present = False for all its views, counts it in ``bad_files``, and stops when there are too many; a ``BadFiles``
            says it in full. No other sample ever takes its place.
        max_open: decoders that a process keeps open.
    """

    def __init__(
        self,
        sessions: Sequence[tuple[Video, ...]],
        *,
        sampler: Any,
        transform: Transform,
        modalities: Mapping[str, Modality] | None = None,
        of: Mapping[str, str] | None = None,
        videos: Sequence[Video] | None = None,
        caches: Mapping[str, FeatureCache] | None = None,
        draws: Draws | None = None,
        policy: Literal["error", "skip"] | BadFiles = "error",
        max_open: int = 8,
    ):
        self.sessions, self.transform = list(sessions), transform
        self.videos = list(videos) if videos is not None else [video for session in sessions for video in session]
        self.bad_files = policy if isinstance(policy, BadFiles) else BadFiles(policy)
        self.modalities = dict(modalities or {name: RgbModality() for name in sampler.views})
        self.labels = sorted({video.label for video in self.videos} - {""})
        self._row = _rows(self.videos)
        self._of = {name: source_view(name, sampler.views, of) for name in self.modalities}
        self._views: DecodedViews | CachedViews
        if caches:
            self._views = CachedViews(caches, self._of, self.videos)
            draws = next(iter(caches.values())).draws
        else:
            self._views = DecodedViews(self.modalities, self._of, transform, max_open=max_open)
        reach_s = max(modality.reach_s for modality in self.modalities.values())
        self.plan = SamplePlan(sampler, draws or FreshDraws(transform), reach_s=reach_s)

    def __len__(self) -> int:
        return len(self.sessions)

    def __getitem__(self, ticket: Ticket) -> Sample:
        session = self.sessions[ticket.sample]
        shown = self.plan(session, ticket.seed)
        found: dict[str, View] = {}
        problem = None
        try:
            found = self._views.read(shown)
        except VideoError as error:
            if get_worker_info() is None:
                self.bad_files.set_aside(error)
            problem = error  # from a worker it travels with the sample: the loader sets it aside
        views = {name: found[name] if name in found else self._absent(name, shown) for name in self.modalities}
        rows = tuple(self._row[shown[of].video.id] if name in found else -1 for name, of in self._of.items())
        label = self.labels.index(session[0].label) if session[0].label else -1
        return Sample(views, ticket.sample, label, rows, problem)

    def close(self) -> None:
        """Close this process's files."""
        self._views.close()

    def _absent(self, name: str, shown: Mapping[str, Shown]) -> View:
        any_request = next(iter(shown.values())).request
        return absent_view(self._views.empty(name, any_request))


def _rows(videos: Sequence[Video]) -> dict[str, int]:
    rows = {video.id: row for row, video in enumerate(videos)}
    if len(rows) < len(videos):
        doubled = Counter(video.id for video in videos).most_common(1)[0][0]
        raise InputError(f"dataset: video id {doubled!r} occurs more than once; ids must be unique")
    return rows
