"""Videos aligned to a reference: a video to watch, pictures to judge by, tables to compute with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from mvssl import files
from mvssl.alignment import (
    IMAGENET,
    TRAINED,
    Calibration,
    Ends,
    TimeMap,
    align_repetitions,
    consensus_reference,
    tempo_table,
    write_tempo,
    write_time_maps,
)
from mvssl.alignment import align as align_pair
from mvssl.alignment.align import Mode
from mvssl.alignment.borders import BorderError, border_error
from mvssl.api._labels import carry_labels
from mvssl.api._models import model_for
from mvssl.brief import brief_repr
from mvssl.embedding import Model
from mvssl.embedding.video import embed_video
from mvssl.errors import InputError
from mvssl.frames import Frames, VideoFrames, short_name
from mvssl.labels import Segments, read_label_table
from mvssl.reporting.deviation import write_deviation
from mvssl.reporting.matrix import write_matrix
from mvssl.reporting.synchronised import write_synchronised
from mvssl.rows import clean
from mvssl.types import Video
from mvssl.video import open_video, read_labels, read_videos

T = TypeVar("T")


class Alignment(NamedTuple):
    """What ``align`` made."""

    maps: list[TimeMap]  # one per query; with repetitions one per place
    video: Path  # synchronised.mp4
    matrices: list[Path]  # one picture per query
    table: Path  # align.parquet
    deviation: Path | None = None  # deviation.png; None where nothing was matched
    labels: list[Path] = []  # segments.csv, tempo.csv, ... where the reference has labels
    borders: list[BorderError] = []  # where a query has labels too: how far they were missed, and by the straight line

    def __repr__(self) -> str:
        return brief_repr(self)


def align(
    reference: str | Path | None,
    queries: Sequence[str | Path],
    output: str | Path,
    *,
    run: str | Path | Model | None = None,
    segments: Segments | str | Path | None = None,
    pins: Sequence[tuple[float, float]] = (),
    method: Mode = "dtw",
    ends: Ends = "auto",
    tempo: float = 1.0,
    band_s: float | None = None,
    mirror: bool = False,
    repetitions: bool = False,
    own_speed: bool = False,
    sound: bool = True,
    calibration: Calibration | None = None,
) -> Alignment:
    """Aligns each query to the reference and writes synchronised.mp4, pictures, align.parquet and tables of labels.

    Args:
        reference: a video file; None: the query that the others match best (the consensus).
        queries: video files or folders of them.
        run: a trained run; None: zero-shot (ImageNet features centred per video).
        segments: labels by video: its path as given, or the end of it; or a label table (``mvssl.labels``).
            They are shown in the pictures; those of the reference are carried to the queries (segments.csv with
            confidence, BORIS, ELAN, progress.parquet) and timed (tempo.csv).
        pins: (reference, query) seconds of a player (0 at each file's first frame) that belong together; for one query.
        method: "dtw" keeps the order of time, "nearest" takes the nearest frame.
        ends: whether first frames belong together, and last ones ("closed"), or an end that has no partner is left out
            ("open"); "auto" goes by the evidence.
        tempo: how much an even tempo is preferred; 0 not at all, 1 is usual, higher is straighter.
        band_s: largest deviation from the straight line, in seconds of the query.
        mirror: try each query's mirror image too, and take what matches better.
        repetitions: find every place in the queries where the reference's whole action is done.
        own_speed: the synchronised video plays each at its own speed, with linked progress bars.
        sound: keep the reference's sound.
        calibration: from evidence to probability; None: the one of ImageNet features or of trained encoders.

    Raises:
        InputError: nothing to align, pins for several queries; pins, band, ends, tempo or mirror image together with
            repetitions; labels that do not name the reference.
    """
    model = model_for(run)
    paths = [found for query in queries for found in _videos(Path(query))]
    shaped = bool(pins) or mirror or band_s is not None or method != "dtw" or ends != "auto" or tempo != 1.0
    _check(reference, paths, pins, repetitions and shaped)
    centre = not getattr(model.encoder, "centre", False)  # some encoders have done it
    if calibration is None:
        calibration = TRAINED if model.encoder.has_temporal_part else IMAGENET
    found = [_frames(model, path) for path in paths]
    if reference is None:
        chosen, _ = consensus_reference(Frames(found), centre=centre, calibration=calibration)
        ref = next(one for one in found if one.video == chosen)
        found = [one for one in found if one is not ref]
    else:
        ref = _frames(model, Path(reference))
    if isinstance(segments, str | Path):
        segments = _read(segments, [ref, *found])
    elif segments is not None:
        segments = Segments(_by_path(segments, [ref, *found]))
    pins = [(ref_s + ref.first_s, query_s + found[0].first_s) for ref_s, query_s in pins]
    maps: list[TimeMap] = []
    for query in found:
        if repetitions:
            maps += align_repetitions(ref, query, centre=centre, calibration=calibration)
            continue
        turned = _frames(model, Path(query.path), mirrored=True) if mirror else None
        pair = align_pair(
            ref, query, mode=method, ends=ends, tempo=tempo, pins=tuple(pins), band_s=band_s, centre=centre,
            mirror=turned, calibration=calibration,
        )  # fmt: skip
        maps.append(pair)
    if not maps:
        raise InputError(f"{ref.video}: its action is found nowhere in {', '.join(one.video for one in found)}")
    output = Path(output)
    files.make_folder(output)
    by_id = {one.video: one for one in found}
    matrices = [
        write_matrix(_picture(output, i, one), ref, by_id[one.query], one, segments=segments, centre=centre)
        for i, one in enumerate(maps, start=1)
    ]
    pairs = [(Path(one.query), one) for one in maps]
    speed: Literal["reference", "own"] = "own" if own_speed else "reference"
    video = write_synchronised(
        output / "synchronised.mp4", ref.path, pairs, segments=segments, speed=speed, sound=sound
    )
    table = write_time_maps(output / "align.parquet", maps)
    deviation = write_deviation(output / "deviation.png", maps)
    labels: list[Path] = []
    borders: list[BorderError] = []
    if segments is not None and not repetitions:
        borders = [error for one in maps if (error := border_error(one, segments)) is not None]
        labels = [write_tempo(output / "tempo.csv", tempo_table(maps, segments))]
        labels += carry_labels(output, maps, segments, by_id)
    return Alignment(maps, Path(video), matrices, table, deviation, labels, borders)


def _check(reference: str | Path | None, paths: list[Path], pins: Sequence, clash: bool) -> None:
    if not paths:
        raise InputError("align: give at least one query video beside the reference")
    if reference is None and len(paths) < 2:
        raise InputError("align: a consensus needs at least two videos")
    if pins and (len(paths) > 1 or reference is None):
        raise InputError(f"align: pins hold for one reference and one query, but {len(paths)} videos are given")
    if clash:
        raise InputError(
            "align: repetitions are found by order of time alone; leave out pins, band, ends, tempo, mirror and method"
        )


def _videos(path: Path) -> list[Path]:
    return [Path(video.path) for video in read_videos(path)] if path.is_dir() else [path]


def _frames(model: Model, path: Path, *, mirrored: bool = False) -> VideoFrames:
    with open_video(path) as decoder:
        video = decoder.video
    device = next(model.encoder.parameters()).device
    found = embed_video(
        model.encoder, video, recipe=model.recipe, device=device, normalise=model.normalise, mirrored=mirrored
    )
    return found._replace(video=str(path), path=str(path))


def _read(path: str | Path, videos: Sequence[VideoFrames]) -> Segments:
    """A label table under the paths that were given, on the clock of the files."""
    table = read_label_table(path)
    parts: dict[str, Any] = {name: _by_path(getattr(table, name), videos) for name in ("segments", "clock", "rows")}
    named = table._replace(segments=Segments(parts.pop("segments")), **parts)
    return read_labels(named, [Video(one.video, one.path) for one in videos])


def _by_path(rows: Mapping[str, T], videos: Sequence[VideoFrames]) -> dict[str, T]:
    """What is known of these videos under the paths that were given; a table names them by the end of the path."""
    found = {}
    for one in videos:
        names = [name for name in rows if ("/" + clean(one.video)).endswith("/" + name)]
        if names:
            found[one.video] = rows[max(names, key=len)]
    if videos[0].video not in found:
        raise InputError(f"{videos[0].video}: the reference has no labels; known are {sorted(rows)[:3]}")
    return found


def _picture(output: Path, number: int, time_map: TimeMap) -> Path:
    return output / f"matrix-{number:02d}-{short_name(clean(Path(time_map.query).stem))}.png"
