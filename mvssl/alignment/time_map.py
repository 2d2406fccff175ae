"""``TimeMap``: which time of a query shows the same moment as which time of the reference; and its table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mvssl import files
from mvssl.brief import brief_repr
from mvssl.errors import InputError

LIKELY, UNLIKELY = 0.8, 0.5  # probabilities above which the verdict is plain, and below which it is none
Pins = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class TimeMap:
    """Matched frames of two videos, in order of the reference's time.

    Attributes:
        reference: video id whose clock is the common one.
        query: video id that is mapped to it.
        ref_frame, query_frame: (L,) int64 frame numbers in the files.
        ref_time_s, query_time_s: (L,) float64 presentation times; both never fall for mode "dtw".
        cost: (L,) float32 cosine distance of the matched frames.
        confidence: (L,) float32 in [0, 1]: the pair's probability, lowered where the matched frames are no closer to
            each other than frames of the two videos usually are.
        probability: of the two videos showing the same action; see ``mvssl.alignment.confidence``.
        mode: "dtw" or "nearest".
        mirrored: the query was matched as its mirror image.
        pins: (reference, query) times that the user held together.
        notes: words about what the user should know (thinned frames, weak evidence, ...).
        ref_span_s, query_span_s: first and last time of each video, between which the straight line runs that every map
            is compared with; None: those of the matches.
        calibrated: whether the evidence lies in the range that the probability's curve was fitted on.
    """

    reference: str
    query: str
    ref_frame: np.ndarray
    ref_time_s: np.ndarray
    query_frame: np.ndarray
    query_time_s: np.ndarray
    cost: np.ndarray
    confidence: np.ndarray
    probability: float
    mode: str = "dtw"
    mirrored: bool = False
    pins: tuple[tuple[float, float], ...] = ()
    notes: tuple[str, ...] = field(default=())
    ref_span_s: tuple[float, float] | None = None
    query_span_s: tuple[float, float] | None = None
    calibrated: bool = True

    def __repr__(self) -> str:
        return brief_repr(self)

    @property
    def looks_alike(self) -> bool:
        """Whether the two videos more likely than not show the same action."""
        return self.probability >= UNLIKELY

    @property
    def verdict(self) -> str:
        """The answer in words. A low probability is no proof of another action: then it says that it does not know."""
        if self.mode == "linear":
            return "even tempo: one stretched onto the other, the pictures not looked at"
        how_sure = f"probability {self.probability:.2f}"
        if not self.calibrated:
            how_sure += ", not calibrated for this kind of video"
        if not self.looks_alike:
            return f"not sure whether it is the same action ({how_sure}); look at the result before using it"
        if self.probability < LIKELY:
            return f"may be the same action ({how_sure}); look at the result before using it"
        return f"looks like the same action ({how_sure})"

    def to_query(self, ref_time_s: np.ndarray | float, *, extend: bool = False) -> np.ndarray:
        """Times of the query at times of the reference, linear between matched frames.

        Args:
            ref_time_s: times in seconds, any shape.
            extend: beyond the matched range, hold its first or last time in place of NaN.
        """
        return _interpolate(self.ref_time_s, self.query_time_s, ref_time_s, extend)

    def to_reference(self, query_time_s: np.ndarray | float, *, extend: bool = False) -> np.ndarray:
        """Times of the reference at times of the query; as ``to_query``."""
        return _interpolate(self.query_time_s, self.ref_time_s, query_time_s, extend)

    def linear_query_s(self, ref_time_s: np.ndarray | float) -> np.ndarray:
        """The control: times of the query if one video were stretched evenly onto the other (between pins)."""
        ref_span_s = self.ref_span_s or (float(self.ref_time_s.min()), float(self.ref_time_s.max()))
        query_span_s = self.query_span_s or (float(self.query_time_s.min()), float(self.query_time_s.max()))
        return on_line(ref_time_s, ref_span_s, query_span_s, self.pins)

    @property
    def from_linear_s(self) -> float:
        """Mean distance of the map from the straight line, in seconds of the query, over the matched reference times."""
        ref_time_s = np.unique(self.ref_time_s)
        return float(np.abs(self.to_query(ref_time_s) - self.linear_query_s(ref_time_s)).mean())

    def confidence_at(self, query_time_s: np.ndarray | float) -> np.ndarray:
        """Confidence of the matches at times of the query; 0 beyond the matched range."""
        found = _interpolate(self.query_time_s, self.confidence, query_time_s, extend=False)
        return np.nan_to_num(found, nan=0.0)

    def inverse(self) -> TimeMap:
        """The same matches with the query as the reference."""
        order = np.argsort(self.query_time_s, kind="stable")
        return TimeMap(
            self.query,
            self.reference,
            self.query_frame[order],
            self.query_time_s[order],
            self.ref_frame[order],
            self.ref_time_s[order],
            self.cost[order],
            self.confidence[order],
            self.probability,
            self.mode,
            self.mirrored,
            tuple((query_s, ref_s) for ref_s, query_s in self.pins),
            self.notes,
            self.query_span_s,
            self.ref_span_s,
            self.calibrated,
        )


def on_line(
    ref_time_s: np.ndarray | float, ref_span_s: tuple[float, float], query_span_s: tuple[float, float], pins: Pins
) -> np.ndarray:
    """Times of the query on the straight line through the corners, bent at the pins; held beyond the corners."""
    corners = np.array([(ref_span_s[0], query_span_s[0]), *sorted(pins), (ref_span_s[1], query_span_s[1])])
    return np.interp(np.asarray(ref_time_s, dtype=np.float64), corners[:, 0], corners[:, 1])


def _interpolate(known: np.ndarray, values: np.ndarray, wanted: np.ndarray | float, extend: bool) -> np.ndarray:
    times, rows = np.unique(known, return_inverse=True)
    means = np.bincount(rows, weights=values) / np.bincount(rows)  # a frame matched several times: their mean
    wanted = np.asarray(wanted, dtype=np.float64)
    found = np.interp(wanted, times, means)
    if extend:
        return found
    return np.where((wanted < times[0] - 1e-9) | (wanted > times[-1] + 1e-9), np.nan, found)


_COLUMNS = ("ref_frame", "ref_time_s", "query_frame", "query_time_s", "cost", "confidence")


def write_time_maps(path: str | Path, maps: Sequence[TimeMap]) -> Path:
    """Writes ``align.parquet``: one row per match; what belongs to a whole map (probability, mode, pins, distance from the
    straight line, ...) is in the schema metadata.

    Columns: reference, query, map (its number), ref_frame, ref_time_s, query_frame, query_time_s, cost, confidence, and
    linear_query_time_s, where even tempo would put the reference's time.
    """
    columns: dict[str, object] = {
        "reference": [m.reference for m in maps for _ in m.cost],
        "query": [m.query for m in maps for _ in m.cost],
        "map": np.repeat(np.arange(len(maps), dtype=np.int32), [len(m.cost) for m in maps]),
    }
    for name in _COLUMNS:
        columns[name] = np.concatenate([getattr(m, name) for m in maps]) if maps else np.zeros(0)
    columns["linear_query_time_s"] = (
        np.concatenate([m.linear_query_s(m.ref_time_s) for m in maps]) if maps else np.zeros(0)
    )
    about = [
        {
            "reference": m.reference,
            "query": m.query,
            "probability": m.probability,
            "verdict": m.verdict,
            "mode": m.mode,
            "mirrored": m.mirrored,
            "pins": m.pins,
            "notes": m.notes,
            "ref_span_s": m.ref_span_s,
            "query_span_s": m.query_span_s,
            "calibrated": m.calibrated,
            "from_linear_s": m.from_linear_s,
        }
        for m in maps
    ]
    table = pa.table(columns).replace_schema_metadata({"time_maps": json.dumps(about)})
    with files.whole_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return Path(path)


def read_time_maps(path: str | Path) -> list[TimeMap]:
    """The maps that ``write_time_maps`` wrote."""
    table = pq.read_table(path)
    stored = (table.schema.metadata or {}).get(b"time_maps")
    if stored is None:
        raise InputError(f"{path}: a Parquet file, but not one of time maps; make it with `mvssl align`")
    row = table.column("map").to_numpy()
    columns = {name: table.column(name).to_numpy() for name in _COLUMNS}
    maps = []
    for k, about in enumerate(json.loads(stored)):
        about.pop("verdict")
        about.pop("from_linear_s", None)
        for span in ("ref_span_s", "query_span_s"):
            about[span] = tuple(about[span]) if about.get(span) else None
        about["pins"] = tuple(tuple(pin) for pin in about["pins"])
        about["notes"] = tuple(about["notes"])
        maps.append(TimeMap(**about, **{name: values[row == k] for name, values in columns.items()}))
    return maps
