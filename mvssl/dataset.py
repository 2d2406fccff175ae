"""The flow of the data: a ticket (sample, seed) -> times -> one decoding pass -> transform -> Sample -> Batch.

Everything drawn for a sample comes from its ticket's seed, so a batch is a pure function of (plan, step), whatever the
number of workers or processes. Pixels cross processes as uint8 (vectors as float16); ``views.to_input`` turns them into
floats on the training device.
"""

from __future__ import annotations

import os
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import cv2
import numpy as np
from torch.utils.data import DataLoader, Dataset, get_worker_info

from mvssl.errors import InputError, VideoError
from mvssl.sampling import BatchPlan, Ticket, leave_room
from mvssl.types import Batch, Clip, ClipRequest, Video, View
from mvssl.video import Decoder, open_video, read_audio
from mvssl.video.bad_files import BadFiles
from mvssl.views import Drawn, Modality, Sample, Transform, absent_view, collate, shown_s, view_of
from mvssl.views.modalities.rgb import RgbModality


class ClipDataset(Dataset):
    """Sessions of videos as samples. ``dataset[ticket]`` decodes; the same ticket gives the same sample, bit for bit.

    Args:
        sessions: the samples (``mvssl.sampling.sessions``).
        sampler: which times of which videos; ``views`` are their names in order.
        transform: an augmentation, or ``Evaluation``.
        modalities: view name -> modality. Default: every view of the sampler as RGB. Views made of one view of the
            sampler share its times, crop and every other draw.
        of: view name -> the sampler's view that it is made of. Default: ``source_view``.
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
        policy: Literal["error", "skip"] | BadFiles = "error",
        max_open: int = 8,
    ):
        self.sessions, self.sampler, self.transform = list(sessions), sampler, transform
        self.bad_files = policy if isinstance(policy, BadFiles) else BadFiles(policy)
        self.modalities = dict(modalities or {name: RgbModality() for name in sampler.views})
        self.views = tuple(self.modalities)
        self.videos = [video for session in self.sessions for video in session]
        self.labels = sorted({video.label for video in self.videos} - {""})
        self._row = {video.id: row for row, video in enumerate(self.videos)}
        if len(self._row) < len(self.videos):
            doubled = Counter(video.id for video in self.videos).most_common(1)[0][0]
            raise InputError(f"dataset: video id {doubled!r} occurs more than once; ids must be unique")
        self._source = {name: source_view(name, sampler.views, of) for name in self.views}
        self._reach_s = max(modality.reach_s for modality in self.modalities.values())
        self._decoders = _Decoders(max_open)

    def __len__(self) -> int:
        return len(self.sessions)

    def __getitem__(self, ticket: Ticket) -> Sample:
        session = self.sessions[ticket.sample]
        generator = np.random.default_rng(ticket.seed)
        requests = self.sampler(tuple(leave_room(video, self._reach_s) for video in session), generator)
        found: dict[str, tuple[View, str]] = {}
        problem = None
        try:
            found = self._read(session, requests, generator)
        except VideoError as error:
            if get_worker_info() is None:
                self.bad_files.set_aside(error)
            problem = error  # from a worker it travels with the sample: the loader sets it aside
        views = {name: found[name][0] if name in found else self._absent(name, requests) for name in self.views}
        rows = tuple(self._row[found[name][1]] if name in found else -1 for name in self.views)
        label = self.labels.index(session[0].label) if session[0].label else -1
        return Sample(views, ticket.sample, label, rows, problem)

    def close(self) -> None:
        """Close this process's decoders."""
        self._decoders.close()

    def _read(
        self, session: tuple[Video, ...], requests: dict[str, ClipRequest], generator: np.random.Generator
    ) -> dict[str, tuple[View, str]]:
        """Draw, decode once, transform: the views that this session has, each with its video's id."""
        videos = {video.id: video for video in session}
        drawn = {}
        for i, source in enumerate(self.sampler.views):
            if source in requests:
                video = videos[requests[source].video_id]
                drawn[source] = self.transform.draw(i, video.width, video.height, generator)
        clips = self._decode(requests, drawn, videos)
        shown = {source: shown_s(made, clip) for (source, _), (made, clip) in clips.items()}
        packed: dict[Any, np.ndarray | None] = {}
        found = {}
        for name, modality in self.modalities.items():
            source = self._source[name]
            if source not in requests:
                continue
            key, request = (source, modality.key), requests[source]
            request = request._replace(time_s=shown.get(source, request.time_s))
            if key not in packed and modality.decodes:
                packed[key] = modality.pack(clips[key][1], self.transform, drawn[source])
            elif key not in packed:
                packed[key] = modality.load(
                    videos[request.video_id], request, self.transform, drawn[source], read_audio
                )
            pixels = packed[key]
            if pixels is not None:
                made, clip = clips.get(key, (request, None))
                found[name] = (view_of(pixels, made, clip, drawn[source]), request.video_id)
        return found

    def _decode(
        self, requests: dict[str, ClipRequest], drawn: dict[str, Drawn], videos: dict[str, Video]
    ) -> dict[tuple[str, Any], tuple[ClipRequest, Clip]]:
        """All clips of the sample: one pass over each of its videos."""
        wanted: dict[str, dict[tuple[str, Any], ClipRequest]] = {}
        for name, modality in self.modalities.items():
            source = self._source[name]
            if source in requests and modality.decodes:
                request = modality.request(requests[source], self.transform, drawn[source])
                wanted.setdefault(request.video_id, {})[source, modality.key] = request
        clips: dict[tuple[str, Any], tuple[ClipRequest, Clip]] = {}
        for video_id, by_key in wanted.items():
            read = self._decoders.get(videos[video_id]).read(list(by_key.values()))
            clips |= {key: (request, clip) for (key, request), clip in zip(by_key.items(), read)}
        return clips

    def _absent(self, name: str, requests: dict[str, ClipRequest]) -> View:
        any_request = next(iter(requests.values()))
        shape = (len(any_request.time_s), len(any_request.offsets_s), self.transform.size)
        return absent_view(self.modalities[name].empty(*shape))


class Loader:
    """Iterates over (step, Batch): this process's part of each global batch, from ``start_step`` on, up to ``end_step``
    or without end. It is its own order and its own resume: do not give it to accelerate's ``prepare``. Videos that
    cannot be read go to ``dataset.bad_files`` in this process, which raises or counts them.
    """

    def __init__(
        self,
        dataset: ClipDataset,
        plan: BatchPlan,
        *,
        rank: int = 0,
        world_size: int = 1,
        num_workers: int = 0,
        start_step: int = 0,
        end_step: int | None = None,
        pin_memory: bool = False,
    ):
        self.dataset, self.start_step, self.num_workers = dataset, start_step, num_workers
        _prepare_process(0)  # OpenCV's threads would be dead in a forked worker, which then waits for them for ever
        self._loader: DataLoader = DataLoader(
            dataset,
            batch_sampler=plan.steps(rank=rank, world_size=world_size, start=start_step, end=end_step),
            num_workers=num_workers,
            collate_fn=collate,
            pin_memory=pin_memory,
            worker_init_fn=_prepare_process,
        )

    def __iter__(self) -> Iterator[tuple[int, Batch]]:
        try:
            for step, (batch, problems) in enumerate(self._loader, self.start_step):
                if self.num_workers:
                    for problem in problems:
                        self.dataset.bad_files.set_aside(problem)
                yield step, batch
        except (ConnectionError, EOFError) as error:  # it died while it handed over a batch
            raise RuntimeError("a DataLoader worker exited unexpectedly (killed, or out of memory)") from error


def make_loader(dataset: ClipDataset, plan: BatchPlan, **settings: Any) -> Loader:
    """A ``Loader``; its keywords are ``settings``."""
    return Loader(dataset, plan, **settings)


class _Decoders:
    """The decoders that this process used last, open. A copy in another process starts empty."""

    def __init__(self, max_open: int):
        self.max_open = max_open
        self._open: OrderedDict[str, Decoder] = OrderedDict()
        self._pid = os.getpid()

    def get(self, video: Video) -> Decoder:
        if self._pid != os.getpid():  # inherited by a fork: another process's file positions
            self._open, self._pid = OrderedDict(), os.getpid()
        if video.id in self._open:
            self._open.move_to_end(video.id)
        else:
            self._open[video.id] = open_video(video)
            if len(self._open) > self.max_open:
                self._open.popitem(last=False)[1].close()
        return self._open[video.id]

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def __reduce__(self):
        return (_Decoders, (self.max_open,))


def _prepare_process(_: int) -> None:
    """One thread for OpenCV, and memory that is kept."""
    cv2.setNumThreads(1)
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Makes glibc keep freed blocks of up to 31 MiB for reuse instead of giving them back to the system.

    Its threshold follows the largest block freed so far; from the start it is so low that every array of a few hundred
    KiB is mapped, cleared by the kernel page by page, and unmapped again. Elsewhere this does nothing.
    """
    block = np.empty(31 << 20, dtype=np.uint8)
    del block


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
