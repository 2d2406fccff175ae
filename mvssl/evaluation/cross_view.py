"""Cross-view retrieval: from a frame of one camera to the same instant in another camera of the session, or among all
sessions."""

from __future__ import annotations

import numpy as np

from mvssl.errors import InputError
from mvssl.evaluation._checks import checked_embeddings, groups, normalised_time
from mvssl.evaluation._matching import pairs_of_one_take, source_times
from mvssl.evaluation._result import Result, mean_defined
from mvssl.frames import Frames
from mvssl.labels import Segments
from mvssl.neighbours import nearest, top_k
from mvssl.series import median_step
from mvssl.statistics import ERROR, SHARE, interval_of_mean


class CrossView:
    """Same instant in another camera of the session, and whole sessions found across cameras.

    Args:
        tolerance_s: "hit" is the share of the frames whose nearest frame in the other camera is this close in time.
        ranks: k of R@k: the mean-frame feature of a video is looked up among the videos of all other cameras; right is
            a video of the same session.
    """

    def __init__(self, *, tolerance_s: float = 0.1, ranks: tuple[int, ...] = (1, 5)):
        self.tolerance_s, self.ranks = tolerance_s, ranks

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """value: "error_s" (mean), "hit", "R@1", ....

        Frames whose instant the other camera does not show are left out (``undefined``). Controls: time only (nearest
        normalised time; for R@k nearest duration is not given), chance for R@k.

        Raises:
            InputError: no session with two cameras.
        """
        pairs = list(pairs_of_one_take(frames))
        if not pairs:
            raise InputError(
                "cross-view retrieval needs sessions with two cameras; name sessions and cameras in the index"
            )
        embeddings = checked_embeddings(frames.embeddings, frames.ids)
        shown, clock = [source_times(v) for v in frames], [normalised_time(v)[:, None] for v in frames]
        error: dict[int, list[float]] = {}
        hit: dict[int, list[float]] = {}
        by_clock, left_out = [], 0
        for i, j in pairs:
            gap = np.abs(shown[i][:, None] - shown[j][None]).min(1)
            step_s = median_step(shown[j])
            partner = gap <= step_s / 2 + 1e-6
            left_out += int((~partner).sum())
            found = np.abs(shown[j][nearest(embeddings[i], embeddings[j])] - shown[i])[partner]
            error.setdefault(i, []).append(mean_defined(found))
            hit.setdefault(i, []).append(mean_defined(found <= self.tolerance_s + 1e-6))
            by_clock.append(mean_defined(np.abs(shown[j][nearest(clock[i], clock[j])] - shown[i])[partner]))
        per_video = {
            name: np.array([mean_defined(values.get(i, [])) for i in range(len(frames))])
            for name, values in (("error_s", error), ("hit", hit))
        }
        sessions, chance = self._sessions(frames)
        per_video |= sessions
        units = tuple(groups(frames))
        return Result(
            value={name: mean_defined(values) for name, values in per_video.items()},
            per_video=per_video,
            undefined=left_out,
            interval={
                name: interval_of_mean(values, units=units, bounds=ERROR if name == "error_s" else SHARE)
                for name, values in per_video.items()
            },
            controls={"time only": {"error_s": mean_defined(by_clock)}, "chance": chance},
            videos=tuple(frames.ids),
            units=units,
            details={"num_pairs": len(pairs), "tolerance_s": self.tolerance_s, "undefined": "frames without a partner"},
        )

    def _sessions(self, frames: Frames) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        means = np.stack([video.embedding.mean(0) for video in frames])
        own = np.array([video.camera or video.video for video in frames])
        session = np.array([video.session or video.video for video in frames])
        found, _ = top_k(means, means, max(self.ranks), group_x=own, group_y=own)
        right = (session[found] == session[:, None]) & (found >= 0)
        possible = ((session[:, None] == session[None]) & (own[:, None] != own[None])).sum(1)
        allowed = (own[:, None] != own[None]).sum(1)
        searched = possible > 0
        out: dict[str, np.ndarray] = {}
        chance: dict[str, float] = {}
        for rank in self.ranks:
            out[f"R@{rank}"] = np.where(searched, right[:, :rank].any(1), np.nan)
            miss = np.ones(len(frames))
            for drawn in range(rank):  # none right among `rank` drawn without replacement
                miss *= np.clip((allowed - possible - drawn) / np.maximum(allowed - drawn, 1), 0, 1)
            chance[f"R@{rank}"] = mean_defined((1 - miss)[searched])
        return out, chance
