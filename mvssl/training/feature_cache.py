"""Backbone features of several augmented passes on disk, so that training the temporal part takes minutes, not hours.

Worth it where the backbone is frozen: a pass shows the whole video under one draw of the augmentation, every frame that
``embed.fps`` asks for. Training then picks, per view, one of the passes and the frames of the sampler's request.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from mvssl import files
from mvssl.embedding import Recipe
from mvssl.embedding.parallel import each
from mvssl.encoders import Encoder, fingerprint
from mvssl.errors import InputError
from mvssl.files import UNREADABLE
from mvssl.sampling import BatchPlan, leave_room
from mvssl.types import Batch, ClipRequest, Video, View
from mvssl.video import open_video
from mvssl.views import PARAMETERS, Modality, Transform, mean_step_s, to_input, view_of

FRAMES_AT_ONCE = 32
FORMAT = 2  # of the files; part of the key, so that files of an older format are never read


class Passes(NamedTuple):
    """Cached features of one video: ``mean`` + ``features``. Half precision then goes to what differs between frames."""

    features: np.ndarray  # (P, T, D) float16, memory-mapped, without the mean
    mean: np.ndarray  # (D,) float32
    time_s: np.ndarray  # (T,)
    box: np.ndarray  # (P, 4)
    params: np.ndarray  # (P, number of parameters)


class FeatureCache:
    """Fills and reads the cache of one encoder, modality, augmentation and recipe.

    Args:
        folder: one sub-folder per key of (backbone weights, modality, augmentation, passes, seed, recipe).
        transform: an augmentation of ``mvssl.views``.
        modality: what the encoder is shown; a pass has one draw, whatever the modality.
        about: what else the features depend on (the augmentation's configuration); goes into the key.
        max_gb: the cache is refused before it is begun where it would grow larger.
    """

    def __init__(
        self, folder: Path, encoder: Encoder, transform: Transform, *, passes: int, seed: int, recipe: Recipe,
        modality: Modality, about: dict[str, Any], device: torch.device | str = "cpu", max_gb: float = 20.0,
    ):  # fmt: skip
        self.encoder, self.transform, self.passes, self.seed = encoder, transform, passes, seed
        self.recipe, self.modality, self.device, self.max_gb = recipe, modality, device, max_gb
        shown = recipe.about().get("modality", "rgb")
        key = [FORMAT, fingerprint(encoder.backbone), about, passes, seed, recipe.fps, shown]
        self.folder = folder / hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]

    def fill(self, videos: Sequence[Video], *, progress: bool = True) -> None:
        """Computes what is missing, and again what is cut or missing in part, said aloud.

        Raises:
            InputError: the whole would be larger than ``max_gb``.
        """
        dim = self.encoder.dims.maps["backbone"]
        frames = sum((v.duration_s * self.recipe.fps) if self.recipe.fps else v.num_frames for v in videos)
        size_gb = frames * self.passes * dim * 2 / 1e9
        if size_gb > self.max_gb:
            raise InputError(
                f"{self.folder}: the features of {len(videos)} videos would take {size_gb:.1f} GB, more than {self.max_gb}; "
                "lower cache.passes or embed.fps, or train without a cache (cache.passes=0)"
            )
        files.make_folder(self.folder)
        missing = [video for video in videos if not self._is_whole(video)]
        self.encoder.eval()
        for _, failed in each(self._compute, missing, device=self.device, name="cache features", progress=progress):
            if failed is not None:
                raise failed

    def _is_whole(self, video: Video) -> bool:
        path = self._path(video)
        if not path.exists():
            return False
        try:
            found = self.read(video)
            steps = len(found.time_s)
            dim = self.encoder.dims.maps["backbone"]
            shapes = [(self.passes, steps, dim), (dim,), (steps,), (self.passes, 4)]
            if [values.shape for values in found[:4]] == shapes and len(found.params) == self.passes:
                return True
            problem = "of another shape"
        except UNREADABLE as error:
            problem = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
        print(f"{path}: the features of {video.id} are cut or damaged ({problem}); they are computed again")
        return False

    def _path(self, video: Video) -> Path:
        about = os.stat(video.path)
        state = f"{video.id}|{about.st_size}|{about.st_mtime_ns}|{video.start_s}|{video.end_s}"
        return self.folder / f"{hashlib.sha256(state.encode()).hexdigest()[:24]}.npy"

    @torch.inference_mode()
    def _compute(self, video: Video) -> None:
        generators = [np.random.default_rng((self.seed, p, *video.id.encode())) for p in range(self.passes)]
        with open_video(video) as decoder:
            width, height = (
                decoder.video.width,
                decoder.video.height,
            )  # an index that was not scanned does not state them
            drawn = [self.transform.draw(p % 2, width, height, g) for p, g in enumerate(generators)]
            parts: list[list[torch.Tensor]] = [[] for _ in drawn]
            time_s = decoder.times_s[self.recipe.frames_of(decoder.times_s)]
            for begin in range(0, len(time_s), FRAMES_AT_ONCE):
                plain = ClipRequest(video.id, time_s[begin : begin + FRAMES_AT_ONCE])
                requests = [self.modality.request(plain, self.transform, d) for d in drawn]
                for part, request, clip, d in zip(parts, requests, decoder.read(requests), drawn):
                    view = view_of(self.modality.pack(clip, self.transform, d), request, clip, d)
                    batch = View(*(torch.from_numpy(np.asarray(value)[None]).to(self.device) for value in view))
                    pixels = to_input(batch, self.modality, self.transform).pixels
                    part.append(self.encoder.backbone_features(pixels)[0].cpu())
        features = torch.stack([torch.cat(part) for part in parts])  # (P, T, D)
        mean = features.mean((0, 1))
        box = np.array([d.box for d in drawn], dtype=np.float32)
        params = np.array([d.columns(0.0) for d in drawn], dtype=np.float32)
        path = self._path(video)
        with files.whole_file(path.with_suffix(".npz")) as temporary:
            np.savez(temporary, mean=mean.numpy(), time_s=time_s, box=box, params=params)
        with files.whole_file(path) as temporary:
            np.save(temporary, (features - mean).half().numpy())

    def read(self, video: Video) -> Passes:
        path = self._path(video)
        features = np.load(path, mmap_mode="r")
        with path.with_suffix(".npz").open("rb") as file, np.load(file) as about:
            return Passes(features, about["mean"], about["time_s"], about["box"], about["params"])


class CachedBatches:
    """Batches of cached features: the stand-in for the loader; a view's pixels are (B, T, D) float32.

    Called as ``batches(start_step, rank, world_size)``; each batch is a function of (seed, step) alone.

    Args:
        caches: of each view of the batch, filled.
        of: the sampler's view that each is made of; those of one share instants and pass.
    """

    def __init__(
        self,
        caches: Mapping[str, FeatureCache],
        videos: Sequence[Video],
        samples: Sequence[tuple[Video, ...]],
        sampler: Any,
        plan: BatchPlan,
        labels: Sequence[int],
        *,
        of: Mapping[str, str],
    ):
        self.samples, self.sampler, self.plan, self.labels, self.of = samples, sampler, plan, labels, dict(of)
        self.reach_s = max(cache.modality.reach_s for cache in caches.values())
        read = {cache.folder: {video.id: cache.read(video) for video in videos} for cache in caches.values()}
        self.passes = {view: read[cache.folder] for view, cache in caches.items()}
        self.row = {video.id: i for i, video in enumerate(videos)}
        self.num_passes = next(iter(caches.values())).passes

    def __call__(self, start_step: int, rank: int, world_size: int) -> Iterator[tuple[int, Batch]]:
        step = start_step
        while True:
            yield step, self.batch(step, rank, world_size)
            step += 1

    def batch(self, step: int, rank: int = 0, world_size: int = 1) -> Batch:
        tickets = self.plan.rank_batch(step, rank=rank, world_size=world_size)
        rows: dict[str, list[View]] = {view: [] for view in self.of}
        video_id = []
        for ticket in tickets:
            generator = np.random.default_rng(ticket.seed)
            session = tuple(leave_room(video, self.reach_s) for video in self.samples[ticket.sample])
            requests = self.sampler(session, generator)
            order = generator.permutation(self.num_passes)
            number = {source: int(order[i % len(order)]) for i, source in enumerate(requests)}
            for view, source in self.of.items():
                if source not in requests:
                    raise InputError(
                        f"sample {session[0].session or session[0].id!r} has no view {source!r}: a cache knows no absent views; "
                        "set cache.passes=0"
                    )
                passes = self.passes[view][requests[source].video_id]
                rows[view].append(_view(passes, requests[source], number[source]))
            video_id.append([self.row[requests[source].video_id] for source in self.of.values()])
        views = {view: View(*(torch.stack(parts) for parts in zip(*found))) for view, found in rows.items()}
        index = torch.tensor([ticket.sample for ticket in tickets])
        return Batch(views, index, torch.tensor([self.labels[i] for i in index]), torch.tensor(video_id))


def _view(passes: Passes, request: ClipRequest, number: int) -> View:
    shown = np.searchsorted(passes.time_s, request.time_s + 1e-4, side="right") - 1
    shown = shown.clip(0, len(passes.time_s) - 1)
    mask = np.ones(len(shown), bool) if request.mask is None else np.asarray(request.mask)
    time_s = passes.time_s[shown].astype(np.float64)
    params = passes.params[number].copy()
    params[PARAMETERS.index("step_s")] = mean_step_s(time_s, mask)  # of this view, where the rest is of the whole pass
    return View(
        pixels=torch.from_numpy(passes.features[number, shown].astype(np.float32) + passes.mean),
        time_s=torch.from_numpy(time_s),
        mask=torch.from_numpy(mask),
        present=torch.tensor(True),
        box=torch.from_numpy(passes.box[number]),
        params=torch.from_numpy(params),
    )
