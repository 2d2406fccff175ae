"""A file that is no table of embedded frames is refused by its name and column."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mvssl.errors import InputError
from mvssl.frames import VideoFrames, read_frames, read_id, write_frames


@pytest.fixture
def table(tmp_path, rng):
    video = VideoFrames("a.mp4", np.arange(4), np.arange(4) / 10, rng.normal(size=(4, 3)).astype(np.float32))
    return write_frames(tmp_path, video, {"model": "m"})


def changed(column, values):
    return lambda found: found.set_column(found.schema.get_field_index(column), column, values)


BROKEN = {
    "no embedding": (lambda found: found.drop_columns(["embedding"]), "no column embedding"),
    "no frame": (lambda found: found.drop_columns(["frame"]), "no column frame"),
    "no time": (lambda found: found.drop_columns(["time_s"]), "no column time_s"),
    "lists of any length": (
        lambda found: changed("embedding", found.column("embedding").cast(pa.list_(pa.float32())))(found),
        "fixed length",
    ),
    "text for vectors": (changed("embedding", pa.array(["x"] * 4)), "fixed length"),
    "text for times": (changed("time_s", pa.array(["0", "1", "2", "3"])), "not seconds"),
    "text for frames": (changed("frame", pa.array(["0", "1", "2", "3"])), "whole numbers"),
    "holes": (changed("time_s", pa.array([0.0, None, 2.0, 3.0])), "without a value"),
    "times that fall": (changed("time_s", pa.array([0.0, 2.0, 1.0, 3.0])), "must rise"),
    "times that are none": (changed("time_s", pa.array([0.0, float("nan"), 1.0, 3.0])), "numbers alone"),
    "no rows": (lambda found: found.slice(0, 0), "without rows"),
    "no notes": (lambda found: found.replace_schema_metadata({}), "not one of embedded frames"),
    "notes that are no JSON": (
        lambda found: found.replace_schema_metadata({"mvssl": "{", "video": "{"}), "no JSON",
    ),
    "notes without a name": (
        lambda found: found.replace_schema_metadata({"mvssl": "{}", "video": "[]"}), "do not name a video",
    ),
    "notes with more": (
        lambda found: found.replace_schema_metadata({"mvssl": "{}", "video": json.dumps({"video": "a", "x": 1})}), "'x'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_wrong_columns_are_named(table, fault):
    change, words = BROKEN[fault]
    pq.write_table(change(pq.read_table(table)), table)
    with pytest.raises(InputError, match=words) as found:
        read_frames(table.parent)
    assert str(table) in str(found.value)


def test_a_file_that_is_no_parquet_is_named(table):
    table.write_bytes(b"PAR1 no")
    for read in (read_id, lambda path: read_frames(path.parent)):
        with pytest.raises(InputError, match="not a table of embedded frames"):
            read(table)
