"""Lists of other tools as these write them: Hugging Face videofolder, Kinetics-700, UCF, HMDB, VideoMAE."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mvssl.errors import InputError
from mvssl.video import read_videos


def read(path, **options):
    return [(v.id, v.split, v.label) for v in read_videos(path, probe=False, **options)]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_videofolder_tables_in_the_split_folders(tmp_path, kind):
    for split, label in (("train", "x"), ("validation", "y"), ("test", "z")):
        folder = tmp_path / split
        folder.mkdir()
        (folder / "a.mp4").write_bytes(b"")
        rows = [{"file_name": "a.mp4", "text": 'line\u2028sep, "quoted"', "label": label}]
        if kind == "csv":
            (folder / "metadata.csv").write_text(f"file_name,label\na.mp4,{label}\n", encoding="utf-8-sig")
        elif kind == "jsonl":
            (folder / "metadata.jsonl").write_text(json.dumps(rows[0], ensure_ascii=False) + "\n", encoding="utf-8")
        else:
            pq.write_table(pa.Table.from_pylist(rows), folder / "metadata.parquet")
    expected = [("test/a.mp4", "test", "z"), ("train/a.mp4", "train", "x"), ("validation/a.mp4", "val", "y")]
    assert sorted(read(tmp_path)) == expected
    assert read(tmp_path / "train") == [("a.mp4", "", "x")]
    assert all((tmp_path / v.id).samefile(v.path) for v in read_videos(tmp_path, probe=False))


def _files(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def test_videofolder_without_a_table_folders_are_splits_and_labels(tmp_path):
    _files(tmp_path, "train/walk/a.mp4", "train/run/b.mp4", "validation/walk/c.mp4", "test/d.mp4", ".cache/e.mp4")
    assert read(tmp_path) == [
        ("test/d.mp4", "test", ""),
        ("train/run/b.mp4", "train", "run"),
        ("train/walk/a.mp4", "train", "walk"),
        ("validation/walk/c.mp4", "val", "walk"),
    ]
    assert read(tmp_path / "train") == [("run/b.mp4", "", ""), ("walk/a.mp4", "", "")]
    assert read(tmp_path / "train", layout="videofolder") == [("run/b.mp4", "", "run"), ("walk/a.mp4", "", "walk")]


@pytest.mark.parametrize("other", ["test/x/c.mp4", "training/x/c.mp4", "session2/c.mp4"])
def test_folders_that_are_not_all_splits_give_no_labels(tmp_path, other):
    _files(tmp_path, "test/x/a.mp4" if other.startswith("test/") else "train/x/a.mp4", other)
    assert {row[1:] for row in read(tmp_path)} == {("", "")}


def test_videofolder_one_table_above_the_splits(tmp_path):
    lines = [{"file_name": "train/a.mp4", "text": "line\u2028sep", "label": 3}, {"video_file_name": "test/b.mp4"}]
    text = "\r\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    (tmp_path / "metadata.jsonl").write_text(text, encoding="utf-8")
    assert (
        read(tmp_path)
        == read(tmp_path / "metadata.jsonl")
        == [("train/a.mp4", "train", "3"), ("test/b.mp4", "test", "")]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file_name,label\n../a.mp4,x\n", r"row 2, column file_name: '\.\./a\.mp4' must be a path inside"),
        ("file_name,label\n/etc/a.mp4,x\n", "row 2, column file_name"),
        ("file_name,label\nfile://a.mp4,x\n", "row 2, column file_name"),
        ("name,label\na.mp4,x\n", "row 2: no file_name"),
        ("file_name,label\na.mp4,x,y\n", "row 2: 3 cells"),
    ],
)
def test_videofolder_rows_that_are_refused(tmp_path, text, message):
    (tmp_path / "metadata.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read(tmp_path)
    (tmp_path / "metadata.csv").unlink()
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.mp4"}\n{broken\n')
    with pytest.raises(InputError, match="row 2: no JSON"):
        read(tmp_path)
    (tmp_path / "metadata.csv").write_text("file_name\na.mp4\n")
    with pytest.raises(InputError, match="tables of several kinds"):
        read(tmp_path)


def test_kinetics_700_writes_decimals(tmp_path):
    (tmp_path / "k700.csv").write_text("label,youtube_id,time_start,time_end,split\nabseiling,-bc,12.0,22.0,train\n")
    assert read(tmp_path / "k700.csv") == [("abseiling/-bc_000012_000022.mp4", "train", "abseiling")]
    (tmp_path / "test.csv").write_text("youtube_id,time_start,time_end,split\nabc,1,11,test\n")
    assert read(tmp_path / "test.csv") == [("abc_000001_000011.mp4", "test", "")]
    (tmp_path / "bad.csv").write_text("label,youtube_id,time_start,time_end\nx,abc,start,11\n")
    with pytest.raises(InputError, match=r"row 2, column time_start: 'start' is no number"):
        read(tmp_path / "bad.csv")


def test_ucf_and_hmdb_names_with_spaces(tmp_path):
    (tmp_path / "trainlist01.txt").write_bytes(b"Hand Stand/v_HandStand_g01_c01.avi 1\r\nA/v_A b_g02_c01.avi 2\r\n")
    assert read(tmp_path / "trainlist01.txt") == [
        ("Hand Stand/v_HandStand_g01_c01.avi", "train", "Hand Stand"),
        ("A/v_A b_g02_c01.avi", "train", "A"),
    ]
    assert read_videos(tmp_path / "trainlist01.txt", probe=False)[0].group == "Hand Stand/g01"
    (tmp_path / "testlist01.txt").write_text("Hand Stand/v_HandStand_g01_c02.avi\n")
    assert read(tmp_path / "testlist01.txt") == [("Hand Stand/v_HandStand_g01_c02.avi", "test", "Hand Stand")]
    (tmp_path / "brush_hair_test_split1.txt").write_text("a [b] c.avi 1 \nd.avi 0 \ne f.avi 2 \n")
    assert read(tmp_path / "brush_hair_test_split1.txt") == [
        ("brush_hair/a [b] c.avi", "train", "brush_hair"),
        ("brush_hair/e f.avi", "test", "brush_hair"),
    ]
    (tmp_path / "wave_test_split1.txt").write_text("a.avi 1\nb.avi 3\n")
    with pytest.raises(InputError, match=r"line 2: expected 'name 0'.*'b\.avi 3'"):
        read(tmp_path / "wave_test_split1.txt")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("c.mp4 0 -1", ("c.mp4", "", "")),
        ("a b.mp4 0 -1", ("a b.mp4", "", "")),
        ("a b.mp4  7", ("a b.mp4", "", "7")),
        ("a, b.mp4 7", ("a, b.mp4", "", "7")),
        ("a, b.mp4,7", ("a, b.mp4", "", "7")),
        ("a.mp4\t7", ("a.mp4", "", "7")),
        ("./x/a.mp4,7", ("./x/a.mp4", "", "7")),
    ],
)
def test_plain_lists(tmp_path, line, expected):
    (tmp_path / "list.csv").write_text(f"{line}\n")
    assert read(tmp_path / "list.csv") == [expected]


def test_lists_of_three_fields_are_refused_by_name(tmp_path):
    (tmp_path / "list.txt").write_text("frames/a 300 5\n")
    with pytest.raises(InputError, match=r"line 1: 'frames/a 300 5' has three fields, .*VideoMAE and MMAction"):
        read(tmp_path / "list.txt")
    (tmp_path / "list.txt").write_text("a.mp4 300 5\n")
    with pytest.raises(InputError, match="three fields"):
        read(tmp_path / "list.txt")
    (tmp_path / "frames" / "a 300").mkdir(parents=True)
    (tmp_path / "list.txt").write_text("frames/a 300 5\n")
    assert read(tmp_path / "list.txt") == [("frames/a 300", "", "5")]


def test_tables_of_videos_as_spreadsheets_save_them(tmp_path):
    for encoding, separator in (("utf-8-sig", ";"), ("utf-16", "\t"), ("utf-8", ",")):
        text = "video,fps,label\na.mp4,29.97,x \n".replace(",", separator)
        (tmp_path / "v.csv").write_text(text.replace("29.97", "29,97") if separator == ";" else text, encoding=encoding)
        (video,) = read_videos(tmp_path / "v.csv", probe=False)
        assert (video.id, video.fps, video.label) == ("a.mp4", 29.97, "x")
    for text, message in (
        ("video,label\na.mp4\n", "row 2: 1 cells"),
        ("video,fps\na.mp4,nan\n", "row 2, column fps"),
        ("video,has_audio\na.mp4,maybe\n", "row 2, column has_audio: cannot read 'maybe' as bool"),
        ("video,num_frames\na.mp4,2.5\n", "row 2, column num_frames: cannot read '2.5' as int"),
        ("video,start_s,end_s\na.mp4,3,2\n", "row 2, column end_s: 2 must lie after start_s 3"),
    ):
        (tmp_path / "v.csv").write_text(text)
        with pytest.raises(InputError, match=message):
            read(tmp_path / "v.csv")


def test_composed_and_decomposed_file_names_are_one_video(tmp_path):
    import unicodedata

    composed, decomposed = (unicodedata.normalize(form, "grün.mp4") for form in ("NFC", "NFD"))
    (tmp_path / decomposed).write_bytes(b"")
    (video,) = read_videos(tmp_path, probe=False)
    assert video.id == composed
    (tmp_path / "videos.csv").write_text(f"video\n{composed}\n")
    assert read_videos(tmp_path, probe=False) == [video]
