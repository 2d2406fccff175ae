"""Backbone features of several augmented passes on disk, so that training the temporal part takes minutes, not hours.

Worth it where the backbone is frozen: a pass shows the whole video under one draw of the augmentation, every frame that
``embed.fps`` asks for. Training then picks, per view, one of the passes and the frames of the sampler's request.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from mvssl import files
from mvssl.encoders import Encoder, fingerprint
from mvssl.errors import InputError, VideoError
from mvssl.files import UNREADABLE
from mvssl.loading.collate import view_of
from mvssl.loading.plan import KeptDraws
from mvssl.parallel import each
from mvssl.types import ClipRequest, Video, View
from mvssl.video import open_video
from mvssl.video.bad_files import BadFiles
from mvssl.views import Drawn, Modality, Transform, to_input
from mvssl.views.recipe import Recipe

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
        self.encoder, self.transform, self.passes = encoder, transform, passes
        self.recipe, self.modality, self.device, self.max_gb = recipe, modality, device, max_gb
        self.draws = KeptDraws(transform, passes=passes, seed=seed)
        self.dim = encoder.dims.maps["backbone"]
        self._failed: dict[str, VideoError] = {}
        shown = recipe.about().get("modality", "rgb")
        key = [FORMAT, fingerprint(encoder.backbone), about, passes, seed, recipe.fps, shown]
        self.folder = folder / hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]

    def fill(self, videos: Sequence[Video], *, bad_files: BadFiles | None = None, progress: bool = True) -> None:
        """Computes what is missing, and again what is cut, missing in part or of other draws, said aloud.

        Args:
            bad_files: where videos that cannot be read are set aside; None: the first one is raised.

        Raises:
            InputError: the whole would be larger than ``max_gb``.
            VideoError: a video cannot be read, and none may be set aside.
        """
        frames = sum((v.duration_s * self.recipe.fps) if self.recipe.fps else v.num_frames for v in videos)
        size_gb = frames * self.passes * self.dim * 2 / 1e9
        if size_gb > self.max_gb:
            raise InputError(
                f"{self.folder}: the features of {len(videos)} videos would take {size_gb:.1f} GB, more than {self.max_gb}; "
                "lower cache.passes or embed.fps, or train without a cache (cache.passes=0)"
            )
        files.make_folder(self.folder)
        missing = [video for video in videos if not self._is_whole(video)]
        self.encoder.eval()
        for video, failed in each(self._compute, missing, device=self.device, name="cache features", progress=progress):
            if isinstance(failed, VideoError) and bad_files is not None:
                bad_files.set_aside(failed)
                self._failed[video.id] = failed
            elif failed is not None:
                raise failed

    def find(self, video: Video) -> Path | VideoError:
        """The file of a video (for ``read_passes``), or why it could not be made."""
        return self._failed.get(video.id) or self._path(video)

    def read(self, video: Video) -> Passes:
        """The features of a video, of which the cache is filled."""
        return read_passes(self._path(video))

    def _is_whole(self, video: Video) -> bool:
        try:
            path = self._path(video)
        except OSError:  # the video itself is gone: whoever opens it says so
            return False
        if not path.exists():
            return False
        try:
            problem = self._problem(read_passes(path), video)
        except UNREADABLE as error:
            problem = f"cut or damaged ({type(error).__name__}: {' '.join(str(error).split())[:100]})"
        if problem:
            print(f"{path}: the features of {video.id} are {problem}; they are computed again")
        return not problem

    def _problem(self, found: Passes, video: Video) -> str:
        steps = len(found.time_s)
        shapes = [(self.passes, steps, self.dim), (self.dim,), (steps,), (self.passes, 4)]
        if [values.shape for values in found[:4]] != shapes or len(found.params) != self.passes:
            return "cut or damaged (of another shape)"
        if video.width and video.height:  # else the index does not say what is drawn
            box, params = _columns(self.draws.of(video))
            if not (np.array_equal(found.box, box) and np.array_equal(found.params, params)):
                return "of other draws than this version makes"
        return ""

    def _path(self, video: Video) -> Path:
        about = os.stat(video.path)
        state = f"{video.id}|{about.st_size}|{about.st_mtime_ns}|{video.start_s}|{video.end_s}"
        return self.folder / f"{hashlib.sha256(state.encode()).hexdigest()[:24]}.npy"

    @torch.inference_mode()
    def _compute(self, video: Video) -> None:
        with open_video(video) as decoder:
            drawn = self.draws.of(decoder.video)  # an index that was not scanned states no width and height
            parts: list[list[torch.Tensor]] = [[] for _ in drawn]
            time_s = decoder.times_s[self.recipe.frames_of(decoder.times_s)]
            for begin in range(0, len(time_s), FRAMES_AT_ONCE):
                plain = ClipRequest(video.id, time_s[begin : begin + FRAMES_AT_ONCE])
                requests = [self.modality.request(plain, self.transform, d) for d in drawn]
                for part, clip, d in zip(parts, decoder.read(requests), drawn):
                    view = view_of(self.modality.pack(clip, self.transform, d), plain.time_s, None, d)
                    batch = View(*(torch.from_numpy(np.asarray(value)[None]).to(self.device) for value in view))
                    pixels = to_input(batch, self.modality, self.transform).pixels
                    part.append(self.encoder.backbone_features(pixels)[0].cpu())
        features = torch.stack([torch.cat(part) for part in parts])  # (P, T, D)
        mean = features.mean((0, 1))
        box, params = _columns(drawn)
        path = self._path(video)
        with files.whole_file(path.with_suffix(".npz")) as temporary:
            np.savez(temporary, mean=mean.numpy(), time_s=time_s, box=box, params=params)
        with files.whole_file(path) as temporary:
            np.save(temporary, (features - mean).half().numpy())


def read_passes(path: Path) -> Passes:
    """A file of the cache and what stands beside it."""
    features = np.load(path, mmap_mode="r")
    with path.with_suffix(".npz").open("rb") as file, np.load(file) as about:
        return Passes(features, about["mean"], about["time_s"], about["box"], about["params"])


def _columns(drawn: Sequence[Drawn]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (P, 4) and parameters (P, number of parameters), float32."""
    return np.array([d.box for d in drawn], np.float32), np.array([d.columns(0.0) for d in drawn], np.float32)
