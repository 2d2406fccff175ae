"""The server gives what the library functions give, and nothing that lies outside the indexed folder."""

from __future__ import annotations

import http.client
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mvssl.alignment import align, read_time_maps
from mvssl.errors import InputError
from mvssl.retrieval import search
from mvssl.video import open_video

NUMBERS = {"a.mp4": 0, "b.mp4": 1, "c.mp4": 2, "link.mp4": 3}
OUTSIDE = [
    "/file=/etc/passwd",
    "/gradio_api/file=/etc/passwd",
    "/etc/passwd",
    "//etc/passwd",
    "/../../../../../../etc/passwd",
    "/static/../../../../etc/passwd",
    "/../serve.py",
    "/..%2fserve.py",
    "/%2e%2e/serve.py",
    "/%2e%2e%2fserve.py",
    "/%252e%252e%252fserve.py",
    "/..%5cserve.py",
    "/..\\serve.py",
    "/%c0%ae%c0%ae/serve.py",
    "/....//serve.py",
    "/serve.py%00.html",
    "/api/../../serve.py",
    "/api/video/../../../etc/passwd",
    "/api/video?video=/etc/passwd",
    "/api/video?video=../secret.mp4",
    "/api/video?video=..%2fsecret.mp4",
    "/api/video?video=%2e%2e%2fsecret.txt",
    "/api/video?video=-1",
    "/api/video?video=99",
    "/api/video?video=nan",
    "/api/video?video=1e400",
    "/api/video?video=0.5",
    "/api/video?video=0%00",
    "/api/video?path=/etc/passwd",
    "/api/picture?video=/etc/passwd&time_s=0",
    "/api/picture?video=0&time_s=inf",
    "/api/save?kind=/etc/passwd&reference=0&query=1",
    "/api/save?kind=table&reference=0&query=../../secret.txt",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_outside_is_served(site, path):
    status, body, _ = site.request(path)
    assert 400 <= status < 500, path
    for secret in (b"root:", b"TOPSECRET", b"class Page", b"ftyp"):
        assert secret not in body


@pytest.mark.parametrize("query", ["/api/video?video=3", "/api/video?video=3&copy=1", "/api/picture?video=3&time_s=0"])
def test_a_link_out_of_the_folder_is_not_followed(site, query):
    status, body, _ = site.request(query)
    assert status == 400
    assert "outside the indexed folder" in json.loads(body)["error"]


def test_a_link_that_leads_inside_is_followed(site):
    (site.folder / "videos" / "inner.mp4").symlink_to("a.mp4")
    from mvssl.page.library import Library

    renamed = type(site.frames)([site.frames["a.mp4"]._replace(video="inner.mp4", path="elsewhere.mp4")])
    library = Library(renamed, root=site.folder / "videos", uploads=site.folder / "uploads")
    assert Path(library.video(0).path) == (site.folder / "videos" / "a.mp4").resolve()


def test_a_table_cannot_name_a_file_outside(site):
    from mvssl.page.library import Library

    for video_id in ("../secret.mp4", str(site.folder / "secret.mp4"), "x"):
        video = site.frames["a.mp4"]._replace(video=video_id, path=str(site.folder / "secret.mp4"))
        library = Library(type(site.frames)([video]), root=site.folder / "videos", uploads=site.folder / "uploads")
        with pytest.raises(InputError, match="outside the indexed folder"):
            library.video(0)


def test_files_that_lie_here_and_there_need_a_word(site):
    from mvssl.page.library import root_of

    assert root_of(site.frames.videos) == site.folder / "videos"
    apart = [
        site.frames["a.mp4"]._replace(path=path, video=name)
        for path, name in (("/etc/passwd", "x"), ("/tmp/y.mp4", "y"))
    ]
    with pytest.raises(InputError, match="--videos"):
        root_of(apart)


def test_only_local_names_are_answered(site):
    """A page of another site that has its name point to this machine gets nothing."""
    status, body, _ = site.request("/api/library", headers={"Host": "evil.example"})
    assert (status, b"a.mp4" in body) == (400, False)


def test_every_answer_forbids_foreign_content(site):
    for path in ("/", "/main.js", "/api/library", "/nowhere"):
        headers = site.request(path)[2]
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"


def test_the_page_asks_nobody_else():
    static = Path(__file__).parents[2] / "mvssl" / "page" / "static"
    for path in static.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text, path.name
        assert "https:" not in text, path.name


def test_the_video_comes_in_pieces_and_unchanged(site):
    whole = (site.folder / "videos" / "a.mp4").read_bytes()
    assert site.request("/api/video?video=0")[1] == whole
    status, body, headers = site.request("/api/video?video=0", headers={"Range": "bytes=100-199"})
    assert (status, body) == (206, whole[100:200])
    assert headers["content-range"] == f"bytes 100-199/{len(whole)}"


def test_what_a_browser_cannot_play_is_copied_with_its_times(site, tmp_path):
    from mvssl.page.playable import playable
    from mvssl.types import Video

    with open_video(site.folder / "videos" / "b.mp4") as decoder:
        times_s = decoder.times_s
    part = Video("part", str(site.folder / "videos" / "b.mp4"), start_s=1.0, end_s=2.0)
    with open_video(playable(part, tmp_path)) as copy:
        inside = times_s[(times_s >= 1.0) & (times_s < 2.0 - 1e-6)]
        assert copy.times_s == pytest.approx(inside - inside[0], abs=1e-4)
        assert copy.index.codec == "h264"
    assert len(list(tmp_path.iterdir())) == 1
    assert playable(part, tmp_path).parent == tmp_path
    assert len(list(tmp_path.iterdir())) == 1  # made once


def test_the_picture_is_the_frame_at_that_time(site):
    _, body, _ = site.request("/api/picture?video=0&time_s=1.5&height=64")
    with open_video(site.folder / "videos" / "a.mp4") as decoder:
        frame = decoder.frames_at([1.5])[0].transpose(1, 2, 0).astype(int)
    shown = np.asarray(Image.open(io.BytesIO(body))).astype(int)
    assert shown.shape == frame.shape
    assert np.abs(shown - frame).mean() < 8


def test_search_gives_what_the_library_function_gives(site):
    status, found = site.ask("search", video=0, start_s=0.8, k=2)
    expected = search(site.frames, "a.mp4@0.8s", k=2, exclude_session=True)
    assert status == 200
    assert [(m["number"], m["time_s"], m["frame"]) for m in found] == [
        (NUMBERS[m.video], m.time_s, m.frame) for m in expected
    ]
    _, ranges = site.ask("search", video=0, start_s=0.5, end_s=1.5, k=2)
    assert all(row["end_s"] > row["start_s"] for row in ranges)
    status, refused = site.ask("search", video=0, start_s=50, k=2)
    assert status == 400
    assert "outside the video" in refused["error"]


def test_alignment_honours_pins_and_carries_labels(site):
    status, free = site.ask("align", reference=0, query=1)
    expected = align(site.frames["a.mp4"], site.frames["b.mp4"])
    assert free["from_linear_s"] == pytest.approx(expected.from_linear_s, abs=1e-3)
    assert free["linear_query_time_s"] == pytest.approx(expected.linear_query_s(np.array(free["ref_time_s"])), abs=1e-3)
    assert status == 200
    assert free["ref_time_s"] == pytest.approx(np.unique(expected.ref_time_s).tolist(), abs=1e-4)
    assert {row["label"] for row in free["labels"]} <= {"go", "rest"}
    assert free["labels"]
    assert all(0 <= row["confidence"] <= 1 for row in free["labels"])
    _, pinned = site.ask("align", reference=0, query="1@0.5=2")
    assert np.interp(0.5, pinned["ref_time_s"], pinned["query_time_s"]) == pytest.approx(2.0, abs=0.15)
    assert pinned["labels"] != free["labels"]
    status, crossing = site.ask("align", reference=0, query="1@0.5=2,1.5=0.5")
    assert (status, "error" in crossing) == (400, True)
    for wrong in ("1@x=2", "b.mp4", "1@1"):
        status, refused = site.ask("align", reference=0, query=wrong)
        assert status == 400
        assert "1.2=1.5" in refused["error"]


def test_the_matrix_has_one_pixel_a_frame(site):
    _, body, _ = site.request("/api/matrix?reference=0&query=1")
    rows, columns = (len(site.frames[name].time_s) for name in ("a.mp4", "b.mp4"))
    assert Image.open(io.BytesIO(body)).size == (columns, rows)


def test_results_can_be_saved(site, tmp_path):
    (tmp_path / "t.parquet").write_bytes(site.order("save", kind="table", reference=0, query=[1, 2])[1])
    assert [found.query for found in read_time_maps(tmp_path / "t.parquet")] == ["b.mp4", "c.mp4"]
    (tmp_path / "v.mp4").write_bytes(site.order("save", kind="video", reference=0, query=1)[1])
    with open_video(tmp_path / "v.mp4") as video:
        assert video.duration_s == pytest.approx(2.0, abs=0.1)
    assert Image.open(io.BytesIO(site.order("save", kind="picture", reference=0, query=1)[1])).width > 300


def kept(site):
    folder = site.folder / "page" / "uploads"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.mark.parametrize(
    ("name", "body", "status", "words"),
    [
        ("notes.txt", b"x", 400, "not a video by its name"),
        ("", b"x", 400, "not a video by its name"),
        (".mp4", b"x", 400, "not a video by its name"),
        ("page.html", b"<script>", 400, "not a video by its name"),
        ("empty.mp4", b"", 400, "empty"),
        ("broken.mp4", b"this is no video" * 50, 400, "cannot be used"),
        ("large.mp4", b"x" * 300_000, 413, "larger than the 0.2 MB"),
    ],
)
def test_uploads_that_are_refused_leave_nothing_behind(site, name, body, status, words):
    before = kept(site)
    found, answer = site.upload(name, body)
    assert found == status
    assert words in answer["error"]
    assert str(site.folder) not in answer["error"]
    assert kept(site) == before


def test_the_limit_holds_when_no_length_is_stated(site):
    before = kept(site)
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    pieces = (b"x" * 50_000 for _ in range(8))
    connection.request(
        "POST", "/api/upload?name=l.mp4", body=pieces, headers={"X-mvssl": site.token}, encode_chunked=True
    )
    assert connection.getresponse().status == 413
    connection.close()
    assert kept(site) == before


def test_other_sites_cannot_upload(site):
    body = (site.folder / "videos" / "a.mp4").read_bytes()
    status, _, _ = site.request("/api/upload?name=a.mp4", method="POST", body=body)
    assert status == 403
    status, _, headers = site.request(
        "/api/upload?name=a.mp4", method="OPTIONS", headers={"Origin": "http://evil.example"}
    )
    assert status == 403
    assert not [name for name in headers if name.startswith("access-control")]


def test_an_upload_joins_the_library_under_a_safe_name(site):
    body = (site.folder / "videos" / "a.mp4").read_bytes()
    status, first = site.upload("../../my clip!.mp4", body)
    assert status == 200
    status, second = site.upload("../../my clip!.mp4", body)
    assert {"my_clip_.mp4", "my_clip_-2.mp4"} <= set(kept(site))
    assert not list(site.folder.glob("*clip*"))
    _, listing = site.ask("library")
    assert listing["videos"][second["number"]]["id"] == "uploads/my_clip_-2.mp4"
    assert site.request(f"/api/video?video={first['number']}")[1] == body
    _, found = site.ask("search", video=first["number"], start_s=0.5, k=3)
    nearest = next(row for row in found if row["number"] == NUMBERS["a.mp4"])
    assert nearest["time_s"] == pytest.approx(0.5, abs=0.06)
    assert nearest["distance"] < 1e-4


def test_without_the_model_of_the_tables_nothing_is_taken(site):
    from mvssl.api import page

    for run, words in ((None, "--run RUN"), ("other", "the one given is")):
        if run:
            import torch

            from mvssl.embedding import Model

            torch.manual_seed(1)
            run = Model(encoder={"name": "image", "backbone": "test_resnet", "weights": "none"}, recipe={"size": 64})
        made = page(site.folder / "frames", site.folder / "other", run=run)
        served = next(one.endpoint.__self__ for one in made.routes[0].routes if one.path == "/upload")
        assert words in served.no_upload


def test_missing_folder_is_said(tmp_path):
    from mvssl.api import page

    with pytest.raises(InputError, match="no such folder"):
        page(tmp_path / "nowhere", tmp_path / "page", run=None)
