"""Makes the demo videos: draws sessions from a seed, films them in a few processes, writes videos and tables."""

from __future__ import annotations

import csv
import gzip
import io
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from mvssl import files
from mvssl.errors import InputError
from mvssl.labels import Segments, write_segments
from mvssl.video import write_video

from .actions import ACTIONS
from .film import film, frame_times
from .labels import frame_rows, segments
from .sessions import Session, make_session
from .sound import SAMPLE_RATE, sound

_CRF = 20
_VIDEO_COLUMNS = (
    *("video", "split", "action", "session", "camera", "group", "num_frames", "fps", "duration_s", "width", "height"),
    *("offset_s", "azimuth_deg", "elevation_deg", "distance_m"),
)


class _Job(NamedTuple):
    folder: Path
    action: str
    number: int
    num_sessions: int
    num_cameras: int
    size: tuple[int, int]
    fps: float
    seed: int


def make_videos(
    folder: str | os.PathLike,
    *,
    num_sessions: int = 12,
    num_cameras: int = 2,
    size: int | tuple[int, int] = 128,
    fps: float = 30.0,
    seed: int = 0,
    quick: bool = False,
    progress: bool = True,
    num_processes: int = 2,
) -> Path:
    """Makes the demo videos and their labels under ``folder``; existing files of the same names are replaced.

    Writes ``videos/<action>-<session>-cam<k>.mp4`` (H.264, yuv420p, B-frames, sound), ``videos.csv``, ``segments.csv``,
    ``frames.csv.gz`` and ``moments.csv``; times are presentation times in seconds. The same arguments give the same
    files, whatever the number of processes.

    Args:
        folder: where to write; made if missing.
        num_sessions: sessions of each of the three actions; session number n of every action shows person and room n.
        num_cameras: synchronised cameras of each session, 1 to 4.
        size: height and width in pixels, or one number for both; even, at least 32.
        fps: frames a second.
        seed: of everything that is drawn.
        quick: 5 sessions of each action and 96 pixels at most, in a fraction of the time.
        progress: show a bar.
        num_processes: how many processes draw and encode.

    Returns:
        The folder.

    Raises:
        InputError: a number out of its range.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if quick:
        num_sessions, height, width = min(num_sessions, 5), min(height, 96), min(width, 96)
    _check("num_sessions", num_sessions, num_sessions >= 2, "at least 2 (one for each split)")
    _check("num_cameras", num_cameras, 1 <= num_cameras <= 4, "1 to 4")
    _check("size", size, min(height, width) >= 32 and height % 2 == width % 2 == 0, "even, at least 32")
    _check("fps", fps, 1 <= fps <= 240, "1 to 240")
    _check("seed", seed, seed >= 0, "0 or more")
    _check("num_processes", num_processes, num_processes >= 1, "at least 1")
    folder = Path(folder)
    jobs = [
        _Job(folder, action, number, num_sessions, num_cameras, (height, width), fps, seed)
        for number in range(num_sessions)
        for action in ACTIONS
    ]
    bar = tqdm(total=len(jobs), desc="demo videos", unit="session", disable=not progress)
    with bar:
        if num_processes == 1:
            sessions = []
            for job in jobs:
                sessions.append(_write_session(job))
                bar.update()
        else:
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(num_processes, mp_context=context) as pool:
                sessions = []
                for session in pool.map(_write_session, jobs):
                    sessions.append(session)
                    bar.update()
    sessions.sort(key=lambda session: session.name)
    _write_tables(folder, sessions, fps)
    return folder


def _check(name: str, value: object, good: bool, rule: str) -> None:
    if not good:
        raise InputError(f"make_videos: {name} must be {rule}; got {value}")


def _video_name(session: Session, camera: int) -> str:
    return f"videos/{session.name}-cam{camera}.mp4"


def _write_session(job: _Job) -> Session:
    cv2.setNumThreads(1)
    session = make_session(
        job.action,
        job.number,
        num_sessions=job.num_sessions,
        num_cameras=job.num_cameras,
        size=job.size,
        seed=job.seed,
    )
    frames = list(film(session, fps=job.fps))
    for camera, pictures in enumerate(zip(*frames, strict=True)):
        rng = np.random.default_rng([session.noise_seed, camera])
        heard = sound(session.motion.moments, len(pictures) / job.fps, rng)
        path = job.folder / _video_name(session, camera)
        write_video(path, pictures, fps=job.fps, audio=heard, sample_rate=SAMPLE_RATE, crf=_CRF)
    return session


def _write_tables(folder: Path, sessions: list[Session], fps: float) -> None:
    videos, frames, moments, phases = [], [], [], Segments()
    for session in sessions:
        num_frames = len(frame_times(session, fps))
        for camera, (azimuth_deg, elevation_deg, distance_m) in enumerate(session.angles):
            name = _video_name(session, camera)
            height, width = session.cameras[camera].size
            row = [
                name,
                session.split,
                session.action,
                session.name,
                f"cam{camera}",
                session.group,
                num_frames,
                f"{fps:.3f}",
            ]
            row += [f"{num_frames / fps:.4f}", width, height, "0.0000"]
            videos.append([*row, f"{azimuth_deg:.2f}", f"{elevation_deg:.2f}", f"{distance_m:.3f}"])
            phases[name] = segments(session, fps)
            frames += [(name, *row) for row in frame_rows(session, fps)]
            moments += [(name, f"{time_s:.4f}", moment) for moment, time_s in session.motion.moments.items()]
    _write_csv(folder / "videos.csv", _VIDEO_COLUMNS, videos)
    write_segments(phases, folder / "segments.csv")
    _write_csv(folder / "frames.csv.gz", ("video", "frame", "time_s", "phase", "stage"), frames)
    _write_csv(folder / "moments.csv", ("video", "time_s", "name"), moments)


def _write_csv(path: Path, header: tuple[str, ...], rows: list) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    data = text.getvalue().encode()
    files.write_bytes(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
