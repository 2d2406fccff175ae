# ruff: noqa: E501
"""Indexes of videos as users have them: read by sniffing, completed from the files, written and read again."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mvssl.errors import InputError, VideoError
from mvssl.types import Video
from mvssl.video import open_video, read_videos, write_videos


@pytest.fixture
def folder(clip, tmp_path):
    """a.mp4, sub/b_cam1.mp4, sub/b_cam2.mp4 and a note."""
    root = tmp_path / "films"
    (root / "sub").mkdir(parents=True)
    for name in ("a.mp4", "sub/b_cam1.mp4", "sub/b_cam2.mp4"):
        shutil.copy(clip("h264_bframes").path, root / name)
    (root / "notes.md").write_text("nothing")
    return root


def test_a_folder(folder):
    videos = read_videos(folder)
    assert [video.id for video in videos] == ["a.mp4", "sub/b_cam1.mp4", "sub/b_cam2.mp4"]
    assert all((v.num_frames, v.width, v.height, v.start_s, v.end_s) == (60, 112, 80, 0.0, 2.0) for v in videos)
    assert read_videos(folder / "a.mp4")[0].num_frames == 60
    unprobed = read_videos(folder, probe=False)
    assert unprobed[0].num_frames == 0


def test_file_names_tell_session_and_camera(folder):
    (folder / "a.mp4").unlink()
    videos = read_videos(folder, pattern=r"(?P<session>\w+)_(?P<camera>cam\d)")
    assert [(v.session, v.camera) for v in videos] == [("b", "cam1"), ("b", "cam2")]
    with pytest.raises(InputError, match="does not match"):
        read_videos(folder, pattern=r"(?P<session>x+)")


def test_parquet_gives_back_every_field_and_may_move(folder, tmp_path):
    videos = [
        v._replace(session="s", camera="c", offset_s=0.25, group="g", split="val", label="run", has_audio=True)
        for v in read_videos(folder)
    ]
    write_videos(videos, folder / "videos.parquet")
    assert read_videos(folder) == videos
    assert not list(folder.glob("*.part"))
    moved = folder.rename(tmp_path / "moved")
    again = read_videos(moved)
    assert [v._replace(path="") for v in again] == [v._replace(path="") for v in videos]
    assert again[0].path == str(moved / "a.mp4")


def test_csv_with_other_columns(folder):
    (folder / "videos.csv").write_text(
        "video,split,action,session,camera,num_frames,fps,duration_s,labelled_frames\n"
        "a.mp4,train,fall,s1,cam0,60,30.0,2.000,60\nsub/b_cam1.mp4,val,,s2,,60,30.0,2.0,60\n"
    )
    first, second = read_videos(folder)
    # a length without a start bounds nothing: the file tells
    assert first == Video("a.mp4", str(folder / "a.mp4"), start_s=0.0, end_s=2.0, width=112, height=80, fps=30.0, num_frames=60, session="s1", camera="cam0", split="train", label="fall")  # fmt: skip
    assert (second.id, second.label, second.camera) == ("sub/b_cam1.mp4", "", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,fps\na.mp4,fast\n", r"row 2, column fps.*'fast'"),
        ("video,fps\na.mp4,30\na.mp4,30\n", "occurs twice"),
        ("video,fps\n,30\n", "needs a column"),
        ("video,fps\n", "no videos"),
    ],
)
def test_wrong_tables_are_named(folder, text, message):
    (folder / "videos.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_videos(folder)


def test_kinetics_lists(folder):
    for text in ("a.mp4 3\nsub/b_cam1.mp4 0\n", "a.mp4,3\nsub/b_cam1.mp4,0\n"):
        (folder / "train.csv").write_text(text)
        videos = read_videos(folder / "train.csv")
        assert [(v.id, v.label, v.num_frames) for v in videos] == [("a.mp4", "3", 60), ("sub/b_cam1.mp4", "0", 60)]
    shutil.copy(folder / "a.mp4", folder / "abc_000004_000014.mp4")
    (folder / "official.csv").write_text("label,youtube_id,time_start,time_end,split\nplaying chess,abc,4,14,train\n")
    (video,) = read_videos(folder / "official.csv")
    assert (video.id, video.label, video.split) == ("abc_000004_000014.mp4", "playing chess", "train")


def test_ucf101_and_hmdb51_lists(tmp_path):
    (tmp_path / "trainlist01.txt").write_text("Archery/v_Archery_g08_c01.avi 3\nArchery/v_Archery_g09_c02.avi 3\n")
    videos = read_videos(tmp_path / "trainlist01.txt", probe=False)
    assert [(v.label, v.group, v.split) for v in videos] == [
        ("Archery", "Archery/g08", "train"),
        ("Archery", "Archery/g09", "train"),
    ]
    (tmp_path / "brush_hair_test_split1.txt").write_text("a.avi 1\nb.avi 2\nc.avi 0\n")
    videos = read_videos(tmp_path / "brush_hair_test_split1.txt", probe=False)
    assert [(v.id, v.split, v.label) for v in videos] == [
        ("brush_hair/a.avi", "train", "brush_hair"),
        ("brush_hair/b.avi", "test", "brush_hair"),
    ]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_hugging_face_videofolder(folder, kind):
    if kind == "csv":
        (folder / "metadata.csv").write_text("file_name,label\na.mp4,jump\nsub/b_cam1.mp4,run\n")
    else:
        rows = [{"file_name": "a.mp4", "label": "jump"}, {"file_name": "sub/b_cam1.mp4", "label": "run"}]
        (folder / "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    assert [(v.id, v.label, v.num_frames) for v in read_videos(folder)] == [
        ("a.mp4", "jump", 60),
        ("sub/b_cam1.mp4", "run", 60),
    ]


def test_lerobot_episodes_are_ranges_of_one_file(clip, tmp_path, read_number):
    (tmp_path / "meta" / "episodes" / "chunk-000").mkdir(parents=True)
    (tmp_path / "videos" / "observation.images.top" / "chunk-000").mkdir(parents=True)
    shutil.copy(
        clip("h264_long_gop").path, tmp_path / "videos" / "observation.images.top" / "chunk-000" / "file-000.mp4"
    )
    info = {
        "codebase_version": "v3.0",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": {"observation.images.top": {"dtype": "video"}, "action": {"dtype": "float32"}},
    }
    (tmp_path / "meta" / "info.json").write_text(json.dumps(info))
    at = "videos/observation.images.top/"
    rows = [
        {"episode_index": n, f"{at}chunk_index": 0, f"{at}file_index": 0, f"{at}from_timestamp": a, f"{at}to_timestamp": b, "tasks": ["pick"]}
        for n, (a, b) in enumerate([(0.0, 0.7), (0.7, 2.0)])
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "meta" / "episodes" / "chunk-000" / "file-000.parquet")
    first, second = read_videos(tmp_path)
    assert (first.num_frames, second.num_frames) == (21, 39)
    assert (second.session, second.camera, second.label) == ("episode_000001", "observation.images.top", "pick")
    assert second.start_s + second.offset_s == pytest.approx(0.0)  # episodes count from their own beginning
    with open_video(second) as video:
        assert read_number(video.frames_at(video.times_s)).tolist() == list(range(21, 60))


def test_what_cannot_be_told_apart_is_asked_for(tmp_path):
    (tmp_path / "list.txt").write_text("something else entirely\n")
    with pytest.raises(InputError, match=r"layout one of .*kinetics"):
        read_videos(tmp_path / "list.txt")
    with pytest.raises(InputError, match="unknown layout"):
        read_videos(tmp_path, layout="imagenet")
    with pytest.raises(InputError, match="no such file"):
        read_videos(tmp_path / "nothing")
    with pytest.raises(InputError, match="no videos found"):
        read_videos(tmp_path)


def test_a_file_of_a_list_that_cannot_be_read_is_an_error(folder):
    (folder / "sub" / "b_cam1.mp4").write_bytes(b"")
    with pytest.raises(VideoError, match="b_cam1"):
        read_videos(folder)


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "count"), [("pushups", 97), ("falls", 60), ("raise_hand", 120)])
def test_real_tables_agree_with_their_files(data_root, name, count):
    videos = read_videos(data_root / name)
    assert len(videos) == count
    for row in videos[:: count // 10]:
        with open_video(row._replace(end_s=float("inf"))) as video:
            assert len(video.times_s) == row.num_frames
            assert abs(video.video.end_s - row.end_s) < 0.02
            assert video.times_s[0] == 0.0
            assert np.all(np.diff(video.times_s) > 0)
