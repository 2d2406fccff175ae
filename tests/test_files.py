"""A file or folder appears whole or not at all, with a plain file's permissions, and nothing else in the package writes."""

import ast
import errno
import os
import re
import stat
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from mvssl import files
from mvssl.alignment.time_map import TimeMap, write_time_maps
from mvssl.errors import InputError
from mvssl.frames import VideoFrames, write_frames
from mvssl.training import checkpoint
from mvssl.video import read_videos

PACKAGE = Path(files.__file__).parent


class Died(Exception):
    """The writer is gone in the middle."""


def half_written(path, death):
    with files.whole_file(path) as temporary:
        temporary.write_text("ne")
        raise death


def half_filled(path):
    with files.whole_folder(path) as temporary:
        (temporary / "a").write_text("new")
        raise Died


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("death", [Died, KeyboardInterrupt, MemoryError])
def test_a_writer_that_dies_midway_leaves_the_old_file(tmp_path, death):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(death):
        half_written(path, death)
    assert content(tmp_path) == {"table.csv": b"old"}
    assert not [p for p in tmp_path.iterdir() if p != path]


def test_a_writer_that_dies_midway_leaves_the_old_folder(tmp_path):
    path = tmp_path / "step"
    with files.whole_folder(path) as temporary:
        (temporary / "a").write_text("old")
    with pytest.raises(Died):
        half_filled(path)
    assert content(tmp_path) == {"step/a": b"old"}
    with files.whole_folder(path) as temporary:
        (temporary / "b").write_text("new")
    assert content(tmp_path) == {"step/b": b"new"}


@pytest.mark.parametrize("call", ["replace", "fsync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT])
def test_what_the_disk_refuses_is_one_clear_error(tmp_path, monkeypatch, call, number):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(InputError, match=rf"a\.txt: cannot be written \({os.strerror(number)}\); make room"):
        files.write_text(path, "new")
    assert content(tmp_path) == {"a.txt": b"old"}


def test_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    """The order that a power cut demands: the file's bytes, the rename, the folder's names."""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc to see which file is flushed")
    order = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda handle: (order.append(os.readlink(f"/proc/self/fd/{handle}")), fsync(handle))
    )
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("rename"), replace(a, b)))
    files.write_text(tmp_path / "a.txt", "new")
    assert [Path(name).name for name in order] == ["a.txt", "rename", tmp_path.name]
    assert (tmp_path / "a.txt").read_text() == "new"


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077, 0o002])
def test_permissions_are_those_of_a_plain_file(tmp_path, mask):
    """Of writers that make files for their owner alone, too (safetensors)."""
    before = os.umask(mask)
    try:
        (tmp_path / "plain").write_text("")
        wanted = stat.S_IMODE((tmp_path / "plain").stat().st_mode)
        video = VideoFrames("v", np.arange(2), np.arange(2.0), np.ones((2, 3)))
        write_frames(tmp_path / "frames", video, {})
        rows = [np.arange(2)] * 6
        write_time_maps(tmp_path / "align.parquet", [TimeMap("a", "b", *rows, 0.5)])
        checkpoint.save(tmp_path, 1, weights=torch.nn.Linear(2, 2).state_dict(), training={}, keep=1)
        with files.whole_folder(tmp_path / "folder") as temporary:
            (temporary / "secret").touch(mode=0o600)
    finally:
        os.umask(before)
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()}
    assert len(found) == 7
    assert set(found.values()) == {wanted}, {name: oct(mode) for name, mode in found.items()}


def test_a_link_stays_a_link_and_a_device_a_device(tmp_path):
    target, link = tmp_path / "there" / "a.txt", tmp_path / "a.txt"
    target.parent.mkdir()
    link.symlink_to(target)
    files.write_text(link, "through")
    assert link.is_symlink()
    assert target.read_text() == "through"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    files.write_text(pipe, "hello")
    assert os.read(reader, 10) == b"hello"
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    os.close(reader)


def test_names_at_the_limit_of_the_file_system_can_be_written(tmp_path):
    path = tmp_path / ("v" * 251 + ".csv")
    files.write_csv(path, ["a", "b"], [(1, "x,y")])
    assert path.read_bytes() == b'a,b\r\n1,"x,y"\r\n'


def test_the_error_of_a_file_that_is_read_is_not_blamed_on_the_one_that_is_written(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"), files.whole_file(tmp_path / "out" / "a.txt") as temporary:
        temporary.write_text((tmp_path / "missing").read_text())
    (tmp_path / "a.txt").write_text("a file, no folder")
    with pytest.raises(InputError, match=r"a\.txt/b\.txt: cannot be written"):
        files.write_text(tmp_path / "a.txt" / "b.txt", "")
    with pytest.raises(InputError, match=r"cannot be written.*[Ii]s a directory"):
        files.write_text(tmp_path / "out", "")


def test_a_disk_that_is_full_for_arrow_is_the_same_error(tmp_path, monkeypatch):
    def full(*_, **__):
        raise pa.lib.ArrowException("not of the disk")

    with pytest.raises(pa.lib.ArrowException), files.whole_file(tmp_path / "a"):
        full()
    with pytest.raises(InputError, match="cannot be written"), files.whole_file(tmp_path / "a"):
        raise OSError("4096 requested and 0 written")  # numpy's words, without a number


def test_what_is_half_written_is_no_video(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x")
    with files.whole_file(tmp_path / "b.mp4") as temporary:
        temporary.write_bytes(b"half")
        assert [video.id for video in read_videos(tmp_path, probe=False)] == ["a.mp4"]
    assert [video.id for video in read_videos(tmp_path, probe=False)] == ["a.mp4", "b.mp4"]


def test_what_a_kill_left_is_put_right(tmp_path):
    (tmp_path / ".best.old").mkdir()
    (tmp_path / ".best.old" / "a").write_text("whole")
    (tmp_path / ".12-0123abcd.tmp").mkdir()
    files.tidy(tmp_path)
    assert content(tmp_path) == {"best/a": b"whole"}
    (tmp_path / ".best.old").mkdir()
    files.tidy(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "files.py")
WRITERS = {
    "mkdir",
    "mkstemp",
    "write_text",
    "write_bytes",
    "write_table",
    "write_csv",
    "savez",
    "save_file",
    "savefig",
    "tofile",
}
# streams that have their own way of being whole: (file, call)
KNOWN = {
    ("upload.py", "open"),
    ("upload.py", "link"),
    ("_processes.py", "TemporaryDirectory"),  # where workers of one command see what others have said; gone with it
}


def given_by_files(tree):
    """Names that ``with files.whole_...(...) as NAME``, or a buffer in memory, gave."""
    names = {"buffer", "png"}
    for node in ast.walk(tree):
        if isinstance(node, ast.With):
            for item in node.items:
                if item.optional_vars is not None and "whole_f" in ast.unparse(item.context_expr):
                    names |= {item.optional_vars.id}
    return names


def writes(path):
    """Calls of a source file that write, rename or make a temporary file, other than through ``mvssl.files``."""
    tree = ast.parse(path.read_text())
    ours = given_by_files(tree) | {"files"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        if not used & ours and (path.name, name) not in KNOWN and is_writer(name, node):
            yield ast.unparse(node)


def is_writer(name, call):
    if ast.unparse(call.func) in {"os.replace", "os.rename", "os.link", "shutil.move"}:
        return True
    if name == "open":
        given = [
            part.value for part in [*call.args, *(k.value for k in call.keywords)] if isinstance(part, ast.Constant)
        ]
        return any(re.fullmatch(r"[wx][bt+]*", str(mode)) for mode in given)
    return name in WRITERS or re.match(r"tempfile\.(?!gettempdir$)", ast.unparse(call.func)) is not None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_else_writes(path):
    guilty = list(writes(path))
    if path.name == "checkpoint.py":
        guilty = [text for text in guilty if text != "os.replace(bad, aside)"]  # sets a damaged checkpoint aside
    assert not guilty


def test_the_reading_of_the_sources_sees_writers(tmp_path):
    source = tmp_path / "guilty.py"
    source.write_text(
        "import os, tempfile\n"
        "path.write_text('a')\n"
        "open(path, 'w')\n"
        "path.open('wb')\n"
        "os.replace(a, b)\n"
        "tempfile.mkstemp()\n"
        "figure.savefig(path)\n"
        "pq.write_table(table, path)\n"
        "path.mkdir()\n"
        "with files.whole_file(path) as temporary:\n"
        "    figure.savefig(temporary)\n"
    )
    assert len(list(writes(source))) == 8
