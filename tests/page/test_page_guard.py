"""What other sites, hostile files and long work can do to the page: nothing, in words, and without holding up the rest."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

from mvssl.errors import InputError
from mvssl.page import limits, serve
from mvssl.page.guard import Answers
from mvssl.types import Video
from mvssl.video import write_video

WRITES = ("copy?video=1", "save?kind=table&reference=0&query=1", "upload?name=a.mp4")
READS = ("library", "picture?video=0&time_s=0", "video?video=0", "search?video=0&start_s=0.5", "align?reference=0&query=1",
         "matrix?reference=0&query=1")  # fmt: skip
FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},  # another port of this machine
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
]


def files_of(site):
    return sorted(str(path) for path in (site.folder / "page").rglob("*"))


@pytest.mark.parametrize("path", WRITES)
def test_nothing_is_written_by_get_or_without_the_token(site, path):
    before = files_of(site)
    assert site.request(f"/api/{path}")[0] == 405
    for headers in (
        {},
        {"X-mvssl": ""},
        {"X-mvssl": "page"},
        {"X-mvssl": site.token[:-1]},
        {"X-mvssl": site.token + "x"},
    ):
        assert site.request(f"/api/{path}", method="POST", body=b"x", headers=headers)[0] == 403
    assert files_of(site) == before


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_site_gets_and_changes_nothing(site, headers):
    before = files_of(site)
    for path in READS:
        status, body, _ = site.request(f"/api/{path}", headers=headers)
        assert (status, list(json.loads(body))) == (403, ["error"]), path
    for path in WRITES:
        status, _, _ = site.request(
            f"/api/{path}", method="POST", body=b"x", headers={**headers, "X-mvssl": site.token}
        )
        assert status == 403, path
    assert files_of(site) == before


def test_the_page_itself_is_answered(site):
    own = {"Sec-Fetch-Site": "same-origin", "Origin": site.address.rstrip("/")}
    for path in READS:
        assert site.request(f"/api/{path}", headers=own)[0] == 200, path
    status, _, _ = site.request("/api/copy?video=1", method="POST", headers={**own, "X-mvssl": site.token})
    assert status == 200
    assert site.request("/", headers={"Sec-Fetch-Site": "cross-site"})[0] == 200  # a link that leads here


def test_looking_at_a_video_makes_no_file(site):
    assert site.request("/api/video?video=2&copy=1")[0] == 409
    assert site.order("copy", video=2)[0] == 200
    before = files_of(site)
    status, body, _ = site.request("/api/video?video=2&copy=1")
    assert (status, body[4:8]) == (200, b"ftyp")
    assert files_of(site) == before


def test_no_answer_holds_a_folder_of_this_machine(site):
    asked = [*(f"/api/{path}" for path in READS if "video?video=0" not in path), "/", "/main.js", "/nowhere",
             "/api/video?video=3", "/api/picture?video=3&time_s=0", "/api/video?video=99"]  # fmt: skip
    damaged = site.folder / "videos" / "c.mp4"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:400] + bytes(len(whole) - 400))
    try:
        bodies = [site.request(path)[1] for path in asked]
        bodies += [site.request(f"/api/picture?video=2&time_s={t}")[1] for t in (0.111, 1.234)]
        bodies += [site.request("/api/video?video=2")[1], site.order("copy", video=2)[1]]
        bodies += [site.order("save", kind="video", reference=0, query=2)[1]]
    finally:
        damaged.write_bytes(whole)
    bodies += [site.order("save", kind=kind, reference=0, query=1)[1] for kind in ("table", "picture", "video")]
    bodies += [site.upload(name, body)[1]["error"].encode() for name, body in (("x.mp4", b"no" * 99), ("y.txt", b"x"))]
    for body in bodies:
        assert str(site.folder).encode() not in body
        assert str(Path.home()).encode() + b"/" not in body


def test_folders_are_taken_out_of_any_message(tmp_path):
    answers = Answers([tmp_path / "videos"])
    for error in (
        InputError(f"{tmp_path}/videos/a b/c.mp4: damaged"),
        FileNotFoundError(2, "No such file or directory", "/srv/secret/place/c.mp4"),
        PermissionError(13, "Permission denied", f"{Path.home()}/c.mp4"),
    ):
        words = json.loads(answers(error).body)["error"]
        assert "c.mp4" in words
        assert "/srv" not in words
        assert str(tmp_path) not in words
    assert answers(KeyError("/etc/passwd")).status_code == 500
    assert b"passwd" not in answers(KeyError("/etc/passwd")).body


def gif(side: int, num_frames: int = 2) -> bytes:
    buffer = io.BytesIO()
    pictures = [Image.new("P", (side, side), number) for number in range(num_frames)]
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=100)
    return buffer.getvalue()


def test_an_enormous_picture_is_refused_before_it_is_decoded(site):
    body = gif(9000)
    assert len(body) < 200_000
    status, answer = site.upload("small_file.gif", body)
    assert status == 400
    assert "9000 x 9000" in answer["error"]
    assert "4096 x 2304" in answer["error"]
    assert not list((site.folder / "page" / "uploads").glob("small_file*"))


def test_refusing_it_takes_no_memory(tmp_path):
    """In a process of its own, whose memory is measured: the pictures alone would be 320 MB."""
    (tmp_path / "x.gif").write_bytes(gif(9000))
    program = """if True:
        import resource, sys
        from mvssl.errors import InputError
        from mvssl.page.limits import open_upload
        from mvssl.types import Video
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            open_upload(Video("x.gif", sys.argv[1]))
        except InputError:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    found = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "x.gif")], capture_output=True, text=True, check=True
    )
    assert int(found.stdout) < 100_000  # KiB


def test_too_long_and_too_much_work_are_refused(tmp_path, monkeypatch):
    frames = np.zeros((30, 32, 48, 3), dtype=np.uint8)
    write_video(tmp_path / "a.mp4", frames, fps=10)
    video = Video("a.mp4", str(tmp_path / "a.mp4"))
    limits.open_upload(video).close()
    monkeypatch.setattr(limits, "MAX_WORK", 30 * 32 * 48 - 1)
    with pytest.raises(InputError, match="30 frames of 48 x 32"):
        limits.open_upload(video)
    monkeypatch.setattr(limits, "MAX_DURATION_S", 2.9)
    with pytest.raises(InputError, match="minutes"):
        limits.open_upload(video)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.mp4", "ffconcat version 1.0\nfile a.mp4\n"),
        ("list2.mp4", "ffconcat version 1.0\nfile ../videos/a.mp4\n"),
        ("list.ts", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\na.mp4\n#EXT-X-ENDLIST\n"),
        ("sdp.mp4", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"),
    ],
)
def test_a_list_of_files_is_no_video(site, name, text):
    uploads = site.folder / "page" / "uploads"
    uploads.mkdir(exist_ok=True)
    shutil.copy(site.folder / "videos" / "a.mp4", uploads)
    before = sorted(os.listdir(uploads))
    status, answer = site.upload(name, text.encode())
    assert status == 400
    assert "cannot be used" in answer["error"]
    assert sorted(os.listdir(uploads)) == before


def test_long_work_of_one_kind_holds_up_no_other(site, monkeypatch):
    """While forty requests wait for a film that is being made, pictures, alignments and searches are answered."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(*_, **__):
        begun.set()
        go_on.wait(60)
        raise InputError("stopped")

    monkeypatch.setattr(serve, "write_synchronised", slow)
    query = urlencode({"kind": "video", "reference": 0, "query": 1})
    headers = {"X-mvssl": site.token}
    waiting = [
        threading.Thread(
            target=site.request, args=(f"/api/save?{query}",), kwargs={"method": "POST", "headers": headers}
        )
        for _ in range(45)
    ]
    try:
        for thread in waiting:
            thread.start()
        assert begun.wait(60)
        for path in READS:
            assert site.request(f"/api/{path}")[0] == 200, path
        assert any(thread.is_alive() for thread in waiting)
    finally:
        go_on.set()
        for thread in waiting:
            thread.join(60)


def test_a_fault_of_the_disk_is_said(site, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", str(site.folder / "page" / "saved" / "align.parquet"))

    monkeypatch.setattr(serve, "write_time_maps", full)
    status, body, _ = site.order("save", kind="table", reference=0, query=1)
    assert status == 500
    assert "disk is full" in json.loads(body)["error"]
    assert str(site.folder) not in json.loads(body)["error"]
