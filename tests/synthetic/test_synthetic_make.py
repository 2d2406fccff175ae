"""The files: same seed same pixels, labels agree with decoded frames, cameras agree with each other, sound with moments."""

import csv
import gzip
import io

import av
import numpy as np
import pytest

from mvssl.errors import InputError
from mvssl.labels import read_segments
from mvssl.synthetic import PHASES, film, make_videos, time_only
from mvssl.synthetic.film import frame_times, parts_at
from mvssl.synthetic.labels import segments
from mvssl.synthetic.sessions import make_session

OPTIONS = {"num_sessions": 2, "size": 48, "fps": 12, "progress": False}


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    return make_videos(tmp_path_factory.mktemp("made"), num_processes=1, **OPTIONS)


def table(path):
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(csv.DictReader(io.StringIO(data.decode())))


def decode(path):
    with av.open(str(path)) as container:
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    return np.array([time for time, _ in frames]), np.stack([picture for _, picture in frames])


def hear(path):
    with av.open(str(path)) as container:
        pieces = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
        return np.concatenate(pieces), container.streams.audio[0].rate


def test_the_same_seed_gives_the_same_files_whatever_the_number_of_processes(made, tmp_path):
    again = make_videos(tmp_path / "again", num_processes=2, **OPTIONS)
    names = sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(again).as_posix() for path in again.rglob("*") if path.is_file())
    assert [name for name in names if (made / name).read_bytes() != (again / name).read_bytes()] == []


def test_another_seed_gives_other_takes():
    options = {"num_sessions": 4, "num_cameras": 1, "size": (32, 32)}
    first, second = (make_session("squat", 0, seed=seed, **options) for seed in (0, 1))
    assert first.motion.duration_s != second.motion.duration_s
    assert not np.allclose(first.clothes.shirt, second.clothes.shirt)


def test_tables_and_decoded_frames_agree(made):
    videos, frames = table(made / "videos.csv"), table(made / "frames.csv.gz")
    labels = read_segments(made / "segments.csv")
    assert len(videos) == 12
    for row in videos:
        time_s, pictures = decode(made / row["video"])
        assert len(pictures) == int(row["num_frames"])
        assert pictures.shape[1:] == (int(row["height"]), int(row["width"]), 3)
        assert time_s[0] == 0
        assert time_s[-1] + 1 / float(row["fps"]) == pytest.approx(float(row["duration_s"]), abs=1e-3)
        own = [frame for frame in frames if frame["video"] == row["video"]]
        assert np.allclose([float(frame["time_s"]) for frame in own], time_s, atol=1e-3)
        phases = [frame["phase"] for frame in own]
        assert labels.at(row["video"], time_s).tolist() == phases
        assert set(phases) == set(PHASES[row["action"]])
        assert (np.diff([float(frame["stage"]) for frame in own]) >= 0).all()


def test_videos_are_h264_with_b_frames_and_sound(made):
    for row in table(made / "videos.csv"):
        with av.open(str(made / row["video"])) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
            packets = [packet for packet in container.demux(stream) if packet.pts is not None]
            assert any(a.pts > b.pts for a, b in zip(packets, packets[1:]))  # decoded in another order than shown
            keys = [i for i, packet in enumerate(packets) if packet.is_keyframe]
            assert np.diff([*keys, len(packets)]).max() <= 30
            assert len(container.streams.audio) == 1


def test_each_key_moment_is_heard(made):
    moments = table(made / "moments.csv")
    for row in table(made / "videos.csv")[::3]:
        samples, rate = hear(made / row["video"])
        start_s = sorted(float(moment["time_s"]) for moment in moments if moment["video"] == row["video"])
        level = np.sqrt(np.convolve(samples**2, np.ones(rate // 50) / (rate // 50), "same"))
        assert start_s
        for moment_s in start_s:
            assert level[round((moment_s + 0.03) * rate)] > 0.05
        silent = np.ones(len(samples), bool)
        for moment_s in start_s:
            silent[max(0, round((moment_s - 0.05) * rate)) : round((moment_s + 0.4) * rate)] = False
        assert level[silent].max() < 0.02


def test_cameras_of_a_take_share_times_labels_and_session_but_not_pictures(made):
    videos, labels = table(made / "videos.csv"), read_segments(made / "segments.csv")
    for first, second in zip(videos[::2], videos[1::2]):
        assert (first["session"], first["num_frames"]) == (second["session"], second["num_frames"])
        assert first["camera"] != second["camera"]
        assert labels[first["video"]] == labels[second["video"]]
        _, one = decode(made / first["video"])
        _, other = decode(made / second["video"])
        assert np.abs(one.astype(int) - other).mean() > 5


def test_cameras_show_the_same_instant(monkeypatch):
    """How much moves from frame to frame goes together in two cameras, and best without a shift."""
    monkeypatch.setattr(film, "_NOISE", 0.0)
    session = make_session("throw", 0, num_sessions=4, num_cameras=2, size=(64, 64), seed=0)
    session = session._replace(exposure=np.zeros(3))
    pictures = np.array([[np.asarray(p, float).mean(-1) for p in frame] for frame in film.film(session, fps=15)])
    moved = np.sqrt(np.abs(np.diff(pictures, axis=0)).mean((2, 3)))
    lags = {lag: np.corrcoef(moved[5:-5, 0], moved[5 + lag : len(moved) - 5 + lag, 1])[0, 1] for lag in range(-5, 6)}
    assert max(lags, key=lags.get) == 0, lags
    assert lags[0] > 0.8, lags


def test_nobody_is_in_both_splits():
    sessions = [
        make_session(action, number, num_sessions=6, num_cameras=1, size=(32, 32), seed=0)
        for action in PHASES
        for number in range(6)
    ]
    train, val = ({session.group for session in sessions if session.split == split} for split in ("train", "val"))
    assert (len(train), len(val)) == (4, 2)
    assert not train & val
    shirts = {session.group: session.clothes.shirt.tobytes() for session in sessions}
    assert len(set(shirts.values())) == 6
    assert all(session.clothes.shirt.tobytes() == shirts[session.group] for session in sessions)


def test_time_alone_predicts_the_phase_badly_in_the_default_set():
    for action, phases in PHASES.items():
        rows = []
        for number in range(12):
            session = make_session(action, number, num_sessions=12, num_cameras=1, size=(32, 32), seed=0)
            time_s = frame_times(session, 30)
            rows.append(
                (session.split, np.arange(len(time_s)) / len(time_s), np.array(session.motion.phases_at(time_s)))
            )
        best, recall = max(time_only(rows, num_bins=bins) for bins in range(5, 101, 5))
        assert best < 0.55
        assert recall < 0.5
        shares = [np.mean(np.concatenate([row[2] for row in rows]) == phase) for phase in phases]
        assert min(shares) > 0.04


def test_time_only_reads_a_clock_and_nothing_else():
    time = np.arange(100) / 100
    clock = np.where(time < 0.3, "a", "b")
    assert time_only([("train", time, clock), ("val", time, clock)], num_bins=10) == (1.0, 1.0)
    other = np.where(time < 0.6, "a", "b")
    accuracy, recall = time_only([("train", time, clock), ("val", time, other)], num_bins=10)
    assert accuracy == pytest.approx(0.7)
    assert recall == pytest.approx((0.5 + 1) / 2)


def test_segment_bounds_lie_between_frames():
    session = make_session("pour", 1, num_sessions=4, num_cameras=1, size=(32, 32), seed=0)
    for before, after in zip(segments(session, 30), segments(session, 30)[1:]):
        assert before.end_s == after.start_s
        assert (before.end_s * 30) % 1 == pytest.approx(0.5)


def test_the_jug_is_in_the_hand_while_it_is_carried_and_the_ball_flies_after_release():
    for action, first, second in (("pour", "grasp", "put_down"), ("throw", "release", None)):
        session = make_session(action, 0, num_sessions=4, num_cameras=1, size=(32, 32), seed=0)
        moments = session.motion.moments
        when = np.arange(0, session.motion.duration_s, 1 / 30)
        parts = parts_at(session, when)
        person = parts.start.shape[1] - (8 if action == "pour" else 1)
        speed = np.linalg.norm(np.diff(parts.start[:, person], axis=0), axis=-1) * 30
        if second:
            held = (when[1:] > moments[first] + 0.1) & (when[1:] < moments[second] - 0.1)
            still = (when[1:] < moments[first] - 0.1) | (when[1:] > moments[second] + 0.1)
            assert speed[held].max() > 0.2
            assert speed[still].max() < 1e-9
        else:
            flies = (when[1:] > moments[first] + 0.05) & (when[1:] < moments[first] + 0.3)
            assert speed[flies].min() > 4


@pytest.mark.parametrize(
    "wrong, word",
    [
        ({"num_sessions": 1}, "num_sessions"),
        ({"num_cameras": 5}, "num_cameras"),
        ({"size": 33}, "size"),
        ({"fps": 0}, "fps"),
        ({"seed": -1}, "seed"),
        ({"num_processes": 0}, "num_processes"),
    ],
)
def test_wrong_numbers_are_named(tmp_path, wrong, word):
    with pytest.raises(InputError, match=word):
        make_videos(tmp_path / "none", progress=False, **wrong)
    assert not (tmp_path / "none").exists()
