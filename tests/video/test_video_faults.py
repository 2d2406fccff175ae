"""Damaged copies, each read in a child process: no hang, no crash, typed errors, and no wrong picture without a word.

A picture counts as wrong without a word where it is not, bit for bit, the healthy file's picture of that time, and is not
flagged. Two kinds of damage are told apart. Where packets are lost, cut or moved, the file itself shows it: no picture may
be wrong without a word. Where a packet is in its place, with its size, and holds other bytes, it often decodes to another
legal picture, and no reader can know: pictures that depend on such a packet are counted, and found where the file was
scanned before the damage.
"""

import json
import os
import select
import signal
import traceback
import warnings
import zlib
from datetime import date
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from mvssl.errors import VideoError
from mvssl.types import ClipRequest
from mvssl.video import FrameIndex, build_index, index_of, open_video, scan
from mvssl.video._damage import Damage

KINDS = (
    "h264_bframes", "h264_ts", "h264_mkv", "h264_fragmented", "h264_open_gop", "mpeg4_avi_bframes", "mpeg4_mp4_bframes",
    "hevc_open_gop", "vp9", "av1_mkv",
)  # fmt: skip
UNCHECKED_KINDS = (
    "mpeg4_avi",
    "mpeg1_ps",
    "h264_flv",
    "wmv",
    "gif",
    "mxf",
    "ivf",
)  # containers without checks of their own
LIMIT_S = 60
COUNTS = (
    "copies",
    "refused",
    "pictures",
    "flagged",
    "lost_silent",
    "changed_silent",
    "changed_copies",
    "scanned_silent",
)


class Healthy(NamedTuple):
    path: Path
    index: FrameIndex  # with checksums
    frames: np.ndarray  # (N, 3, H, W)
    packets: list[tuple[int, int, int]]  # presentation time, size, checksum


def spoil(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """One of the ways in which files get damaged."""
    how = ("truncated", "flipped", "zeroed", "cut_out", "renamed", "noise")[int(rng.integers(6))]
    out = bytearray(data)
    at = int(rng.integers(len(out)))
    if how == "truncated":
        out = out[:at]
    elif how == "flipped":
        for place in rng.integers(0, len(out), int(rng.integers(1, 30))):
            out[place] ^= 1 << int(rng.integers(8))
    elif how == "zeroed":
        length = int(rng.integers(16, len(out) // 4))
        out[at : at + length] = bytes(len(out[at : at + length]))
    elif how == "cut_out":
        del out[at : at + int(rng.integers(1, 2000))]
    elif how == "noise":
        length = int(rng.integers(16, 3000))
        out[at : at + length] = rng.bytes(len(out[at : at + length]))
    return how, bytes(out)


def packets_of(path: Path) -> list[tuple[int, int, int]]:
    found = []
    try:
        with av.open(str(path)) as container:
            for packet in container.demux(container.streams.video[0]):
                found += [(packet.pts, packet.size, zlib.crc32(packet))] if packet.size else []
    except (av.FFmpegError, IndexError):
        pass
    return found


def behind_changed_bytes(path: Path, healthy: Healthy) -> np.ndarray:
    """(N,) bool: pictures that depend on a packet that has kept its time and size, and holds other bytes."""
    old = {(pts, size): crc for pts, size, crc in healthy.packets}
    changed = {pts for pts, size, crc in packets_of(path) if old.get((pts, size), crc) != crc}
    damage = Damage(healthy.index.key, healthy.index.shown)
    for position, (pts, _, _) in enumerate(healthy.packets):
        if pts in changed:
            damage.begins_at(position)
    return damage.packets()[healthy.index.shown]


def look(path: Path, healthy: Healthy, index: FrameIndex | None) -> dict:
    """How many pictures there are at the frames' times, and flagged; the numbers of those that are wrong without a word."""
    own = healthy.index
    try:
        with open_video(path, index=index, damaged="flag", timeout_s=LIMIT_S / 3) as video:
            times = np.union1d(video.times_s, own.time_s(own.shown_pts))
            times = times[(times >= video.times_s[0]) & (times < video.video.end_s - 1e-6)]
            clip = video.read([ClipRequest("x", times)])[0]
    except VideoError as error:
        return {"refused": error.kind}
    expected = np.searchsorted(own.time_s(own.shown_pts), times + own.tick_s / 2, side="right") - 1
    flagged = clip.damaged[:, 0]
    wrong = [
        int(number)
        for picture, number in zip(clip.frames[~flagged, 0], expected[~flagged])
        if number < 0 or not np.array_equal(picture, healthy.frames[number])
    ]
    return {"pictures": len(times), "flagged": int(flagged.sum()), "wrong": wrong}


def read(path: Path, healthy: Healthy) -> dict:
    """The copy as it is found, and with the index of the healthy file, that was scanned before."""
    found = look(path, healthy, None)
    wrong = np.array(found.get("wrong", []), dtype=int)
    changed = behind_changed_bytes(path, healthy)[wrong] & (wrong >= 0)
    scanned = look(path, healthy, healthy.index._replace(path=str(path)))
    return found | {
        "lost_silent": int((~changed).sum()),
        "changed_silent": int(changed.sum()),
        "scanned_silent": len(scanned.get("wrong", [])),
    }


def in_child(path: Path, healthy: Healthy) -> dict:
    """``read`` in a forked process; a crash, an untyped error or a hang fails the test."""
    receiving, sending = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside idle threads: the child only decodes
        child = os.fork()
    if child == 0:
        status = 1
        try:
            with os.fdopen(sending, "w") as pipe:
                try:
                    pipe.write(json.dumps(read(path, healthy)))
                    status = 0
                except Exception:
                    pipe.write(traceback.format_exc())
        finally:
            os._exit(status)
    os.close(sending)
    ready, _, _ = select.select([receiving], [], [], LIMIT_S)
    if not ready:
        os.kill(child, signal.SIGKILL)
    with os.fdopen(receiving) as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    assert ready, f"{path.name}: nothing for {LIMIT_S} s"
    assert status == 0, f"{path.name}: the process ended with status {status}: {answer}"
    return json.loads(answer)


def spoil_and_read(clip, folder: Path, count: int, kinds: tuple[str, ...] = KINDS) -> dict[str, dict[str, int]]:
    """Kind of file -> counts."""
    rng = np.random.default_rng(11)
    table = {kind: dict.fromkeys(COUNTS, 0) for kind in kinds}
    healthy: dict[str, Healthy] = {}
    for number in range(count):
        kind = kinds[number % len(kinds)]
        if kind not in healthy:
            path = clip(kind).path
            with open_video(path) as video:
                frames = video.frames_at(video.times_s)
            healthy[kind] = Healthy(path, build_index(path, checksums=True), frames, packets_of(path))
        how, data = spoil(healthy[kind].path.read_bytes(), rng)
        suffix = str(rng.choice([".mp4", ".avi", ".mkv", ".txt"])) if how == "renamed" else healthy[kind].path.suffix
        path = folder / f"{number:03d}_{kind}_{how}{suffix}"
        path.write_bytes(data)
        report = in_child(path, healthy[kind])
        path.unlink()
        row = table[kind]
        row["copies"] += 1
        row["refused"] += "refused" in report
        row["changed_copies"] += report["changed_silent"] > 0
        for name in ("pictures", "flagged", "lost_silent", "changed_silent", "scanned_silent"):
            row[name] += report.get(name, 0)
        if report["lost_silent"] or report["scanned_silent"]:
            print(f"{path.name}: {report}")
    return table


def write_table(table: dict[str, dict[str, int]], folder: Path) -> None:
    """``faults.json`` and ``faults.md``, beside ``faults_before.json`` if an older reader's counts are there."""
    total = {name: sum(row[name] for row in table.values()) for name in COUNTS}
    result = {"date": date.today().isoformat(), "kinds": table, "total": total}
    (folder / "faults.json").write_text(json.dumps(result, indent=1) + "\n")
    older = folder / "faults_before.json"
    before = json.loads(older.read_text()) if older.exists() else {"kinds": {}, "total": {}}
    lines = [
        f"Damaged copies, each read in a child process ({result['date']}; `MVSSL_FAULTS=benchmarks/results pytest -m slow "
        "tests/video/test_video_faults.py`). Wrong = not flagged, and not bit for bit the healthy file's picture of that "
        "time; behind packets that were lost or cut, and behind packets that hold other bytes in their place. Share = all "
        "of these, of the pictures. Before = the same copies read by commit e8e68a8 (faults_before.json). Files below the "
        "line are in containers without checks of their own.\n",
        "| file | copies | refused | pictures | flagged | wrong, packets lost or cut | wrong, bytes changed in place "
        "| (in copies) | wrong, scanned before the damage | share | share before |",
        "|---|" + "---|" * (len(COUNTS) + 2),
    ]
    for kind, row in [*table.items(), ("all", total)]:
        past = before["total"] if kind == "all" else before["kinds"].get(kind)
        lines += ["|" + " |" * (len(COUNTS) + 3)] if kind == UNCHECKED_KINDS[0] else []
        cells = [*map(str, row.values()), share(row), share(past) if past else ""]
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    (folder / "faults.md").write_text("\n".join(lines) + "\n")


def share(row: dict[str, int]) -> str:
    return f"{(row['lost_silent'] + row['changed_silent']) / max(row['pictures'], 1):.1%}"


def check(table: dict[str, dict[str, int]]) -> None:
    total = {name: sum(row[name] for row in table.values()) for name in COUNTS}
    print(f"\n{total}")
    assert total["lost_silent"] == 0
    assert total["scanned_silent"] == 0
    assert table["h264_mkv"]["changed_silent"] == 0  # this writer puts a checksum into every cluster
    assert table["av1_mkv"]["changed_silent"] == 0
    assert total["changed_silent"] <= 0.06 * total["pictures"]  # nobody can tell; 4 % in the long run
    assert total["flagged"] > 0
    assert total["refused"] > 0


def test_damaged_copies(clip, tmp_path):
    check(spoil_and_read(clip, tmp_path, 40))


@pytest.mark.slow
def test_850_damaged_copies(clip, tmp_path):
    table = spoil_and_read(clip, tmp_path, 500)
    unchecked = spoil_and_read(clip, tmp_path, 350, UNCHECKED_KINDS)
    if "MVSSL_FAULTS" in os.environ:
        write_table(table | unchecked, Path(os.environ["MVSSL_FAULTS"]))
    check(table)
    assert sum(row["scanned_silent"] for row in unchecked.values()) == 0
    assert all(row["flagged"] + row["refused"] > 0 for row in unchecked.values())


@pytest.mark.parametrize("kind", ["h264_bframes", "vp9"])
def test_damage_after_a_scan_is_found_though_it_leaves_no_trace(clip, tmp_path, kind):
    """One bit of a picture, the file's size and time kept: seen by the checksums that the scan has kept."""
    made = clip(kind)
    path = tmp_path / made.path.name
    path.write_bytes(made.path.read_bytes())
    index = index_of(path, checksums=True)
    assert len(index.crc) == len(index.pts)
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        place, victim = packets[20].pos + packets[20].size - 9, packets[20].pts
    status = os.stat(path)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with open_video(path, damaged="flag") as video:
        damaged = video.read([ClipRequest("x", video.times_s)])[0].damaged[:, 0]
    first = int(np.searchsorted(index.shown_pts, victim))
    assert damaged[first]
    assert not damaged[: first - 4].any()
    assert not damaged[-12:].any()  # another group of pictures


def test_a_picture_of_a_transport_stream_whose_header_swallows_its_beginning(clip, tmp_path):
    """The length of a PES header, one bit more: FFmpeg loses the picture without a word."""
    data = bytearray(clip("h264_ts").path.read_bytes())
    headers = [at for at in range(0, len(data), 188) if data[at + 1] & 0x40]
    begins = [at + 4 + (1 + data[at + 4] if data[at + 3] & 0x20 else 0) for at in headers]
    begins = [at for at in begins if data[at : at + 4] == b"\0\0\1\xe0"]
    assert data[begins[20] + 8] in (5, 10)
    data[begins[20] + 8] |= 0x10
    (tmp_path / "film.ts").write_bytes(bytes(data))
    with open_video(clip("h264_ts").path) as video:
        times_s = video.times_s
        whole = video.read([ClipRequest("x", times_s)])[0].frames
    with open_video(tmp_path / "film.ts", damaged="flag") as video:
        clip_read = video.read([ClipRequest("x", times_s)])[0]
    wrong = (clip_read.frames != whole).any(axis=tuple(range(1, whole.ndim)))
    assert wrong.any()
    assert clip_read.damaged[:, 0][wrong].all()


@pytest.mark.parametrize("table", [b"ctts", b"stts", b"stsc"])
def test_tables_of_an_mp4_that_contradict_each_other_put_all_pictures_in_doubt(clip, tmp_path, table):
    """One more sample in the first run of a table: FFmpeg moves the pictures without a word."""
    data = bytearray(clip("h264_bframes").path.read_bytes())
    at = data.index(table) + 4
    place = at + (12 if table == b"stsc" else 8) + 3
    data[place] ^= 2
    (tmp_path / "film.mp4").write_bytes(bytes(data))
    with open_video(tmp_path / "film.mp4", damaged="flag") as video:
        assert video.read([ClipRequest("x", video.times_s[:5])])[0].damaged.all()
    with open_video(tmp_path / "film.mp4") as video, pytest.raises(VideoError, match="damaged"):
        video.frames_at(video.times_s[0])


@pytest.mark.parametrize("name", [b"edts", b"elst"])
def test_an_edit_list_that_lost_its_name_puts_all_pictures_in_doubt(clip, tmp_path, name):
    """Without it every picture comes at another time; one letter of a box of the track is another."""
    data = clip("hevc_open_gop").path.read_bytes()
    assert data.count(name) == 1
    (tmp_path / "film.mp4").write_bytes(data.replace(name, name[:3] + name[3:].upper()))
    with open_video(tmp_path / "film.mp4", damaged="flag") as video:
        assert video.read([ClipRequest("x", video.times_s[:5])])[0].damaged.all()


def test_an_avi_that_lost_its_first_key_frame_puts_all_pictures_in_doubt(clip, tmp_path):
    """Its frames are counted, not timed: all that follow come too early."""
    data = clip("mpeg4_avi").path.read_bytes()
    start = data.index(b"movi") + 4
    assert data[start : start + 4] == b"00dc"
    end = start + 8 + int.from_bytes(data[start + 4 : start + 8], "little") + 1 & ~1
    (tmp_path / "film.avi").write_bytes(data[:start] + data[end : data.index(b"idx1")])
    with open_video(tmp_path / "film.avi", damaged="flag") as video:
        assert video.read([ClipRequest("x", video.times_s)])[0].damaged.all()


def test_an_edit_that_contradicts_the_header_is_said(clip, tmp_path):
    """Writers differ in these durations, so a healthy file may look so: a warning, in the scan too, and no refusal."""
    data = bytearray(clip("h264_bframes").path.read_bytes())
    data[data.index(b"elst") + 4 + 8 + 3] ^= 2
    (tmp_path / "film.mp4").write_bytes(bytes(data))
    with pytest.warns(UserWarning, match="the edits take"):
        open_video(tmp_path / "film.mp4").close()
    assert [problem.kind for problem in scan(tmp_path).problems] == ["odd_tables"]


@pytest.mark.parametrize("kind", ["h264_bframes", "mpeg1_ps", "wmv", "h264_flv"])
def test_a_file_that_changed_since_its_scan_is_an_error_until_it_is_scanned_again(clip, tmp_path, kind):
    """Packets vanish and the index would only be shorter: not without a word. A new date alone changes nothing."""
    path = tmp_path / clip(kind).path.name
    path.write_bytes(clip(kind).path.read_bytes())
    before = index_of(path, checksums=True)
    os.utime(path, ns=(1, 1))
    assert len(index_of(path).pts) == len(before.pts)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if kind != "h264_bframes" else clip("h264_no_bframes").path.read_bytes())
    with pytest.raises(VideoError, match="scan it again") as caught:
        index_of(path)
    assert caught.value.kind == "changed"
    after = index_of(path, checksums=True)
    assert index_of(path).pts.tolist() == after.pts.tolist()


@pytest.mark.parametrize("kind", ["h264_bframes", "h264_mkv", "mpeg1_ps", "wmv", "h264_flv"])
def test_a_file_that_was_only_opened_and_then_replaced_is_indexed_anew(clip, tmp_path, kind):
    """Whether or not its container is read whole, and so has checksums; once scanned, it is compared with them."""
    path, other = tmp_path / clip(kind).path.name, clip("h264_no_bframes").path
    path.write_bytes(clip(kind).path.read_bytes())
    open_video(path).close()
    path.write_bytes(other.read_bytes())
    assert index_of(path).pts.tolist() == build_index(other).pts.tolist()
    path.write_bytes(clip(kind).path.read_bytes())
    open_video(path).close()
    scan(tmp_path)
    path.write_bytes(other.read_bytes())
    with pytest.raises(VideoError, match="scan it again"):
        open_video(path)


@pytest.mark.parametrize("how", ["repeated", "missing", "changed"])
def test_pages_of_an_ogg_file_that_do_not_follow_each_other(tmp_path, encode_as, how):
    from mvssl.video import _ogg

    path = encode_as(tmp_path / "film.ogv", "libvpx", container="ogg", options={"b": "2M", "cpu-used": "8"})
    data = path.read_bytes()
    assert _ogg.broken_ranges(str(path)) == []
    with open_video(path) as video:
        assert len(video.frames_at(video.times_s)) == 60
    pages = [at for at in range(len(data)) if data[at : at + 4] == b"OggS"]
    low, high = pages[len(pages) // 2], pages[len(pages) // 2 + 1]
    changed = bytearray(data[low:high])
    changed[-3] ^= 4
    copy = tmp_path / "copy.ogv"
    copy.write_bytes(
        data[:low] + {"repeated": 2 * data[low:high], "missing": b"", "changed": changed}[how] + data[high:]
    )
    assert len(_ogg.broken_ranges(str(copy))) >= 1
    if how == "repeated":  # these pages hold whole frames, whose times then come twice
        with pytest.raises(VideoError, match="two frames share"):
            open_video(copy)
        return
    with open_video(copy, damaged="flag") as video:
        damaged = video.read([ClipRequest("x", video.times_s)])[0].damaged[:, 0]
    assert damaged.any()
    assert not damaged.all()


def test_a_scan_names_containers_without_checks(clip, tmp_path):
    for kind in ("mpeg4_avi", "wmv", "h264_bframes"):
        (tmp_path / clip(kind).path.name).write_bytes(clip(kind).path.read_bytes())
    found = [problem.message for problem in scan(tmp_path).problems if problem.kind == "unchecked_container"]
    assert [message.split(": ")[1].split()[0] for message in found] == ["asf", "avi"]
    results = json.loads((Path(__file__).parents[2] / "benchmarks/results/faults.json").read_text())["kinds"]
    for message, kind in zip(found, ("wmv", "mpeg4_avi")):
        assert f"({float(share(results[kind])[:-1]):.0f} % of the pictures" in message
