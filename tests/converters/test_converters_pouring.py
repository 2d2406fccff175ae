"""TFRecords written here field by field: framing, CRC, protocol buffer."""

from __future__ import annotations

import importlib
import struct

import cv2
import numpy as np
import pytest

from mvssl.errors import InputError
from mvssl.labels import read_segments
from mvssl.video import open_video, read_videos


def varint(number):
    out = b""
    number &= (1 << 64) - 1
    while number >= 0x80:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def of_bytes(*items):
    return field(1, b"".join(field(1, item) for item in items))


def of_ints(*numbers, packed=True):
    content = b"".join(map(varint, numbers))
    return field(3, field(1, content) if packed else b"".join(varint(8) + varint(n) for n in numbers))


def named(name, content):
    return field(1, field(1, name.encode()) + field(2, content))


def sequence_example(name, pictures, labels, *, length=None, packed=True):
    context = named("name", of_bytes(name.encode())) + named("len", of_ints(length or len(pictures), packed=packed))
    context += named("label", of_ints(-3, packed=packed))
    steps = b"".join(field(1, of_bytes(picture)) for picture in pictures)
    marks = b"".join(field(1, of_ints(label, packed=packed)) for label in labels)
    return field(1, context) + field(2, named("video", steps) + named("frame_labels", marks))


def crc32c(data):
    """CRC-32C by its definition: polynomial 0x1EDC6F41, bits reflected."""
    crc = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if (crc ^ byte >> bit) & 1 else 0)
    return crc ^ 0xFFFFFFFF


def record(message):
    length = struct.pack("<Q", len(message))
    crc = crc32c(length)
    return length + struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF) + message + b"\0\0\0\0"


def jpeg(level):
    return cv2.imencode(".jpg", np.full((24, 32, 3), level, np.uint8))[1].tobytes()


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "tcc-pouring"
    folder.mkdir()
    first = sequence_example("creamsoda_to_clear5 _real", [jpeg(20 * i) for i in range(6)], [0, 0, 1, 1, 4, 4])
    second = sequence_example("b", [jpeg(90)] * 3, [2, 2, 2], packed=False)
    (folder / "pouring_train-0-of-2.tfrecord").write_bytes(record(first) + record(second))
    (folder / "pouring_val-0-of-1.tfrecord").write_bytes(record(sequence_example("c", [jpeg(5)] * 2, [0, 3])))
    return folder


@pytest.fixture
def prepare():
    return importlib.import_module("mvssl.converters.pouring").prepare


def test_check_value_of_the_crc():
    """The published check value of CRC-32C."""
    assert crc32c(b"123456789") == 0xE3069283


def test_videos_labels_and_splits(prepare, source, tmp_path):
    prepare(source, tmp_path / "out")
    videos = {video.id: video for video in read_videos(tmp_path / "out" / "videos.csv")}
    assert {name: v.split for name, v in videos.items()} == {
        "train/creamsoda_to_clear5__real": "train",
        "train/b": "train",
        "val/c": "val",
    }
    segments = read_segments(tmp_path / "out" / "segments.csv")
    assert segments["train/creamsoda_to_clear5__real"] == [(0.0, 0.08, "0"), (0.08, 0.16, "1"), (0.16, 0.24, "4")]
    assert segments["val/c"] == [(0.0, 0.04, "0"), (0.04, 0.08, "3")]
    with open_video(videos["train/creamsoda_to_clear5__real"]) as opened:
        levels = opened.frames_at(opened.times_s).reshape(6, -1).mean(1)
    np.testing.assert_allclose(levels, [20 * i for i in range(6)], atol=1)


def test_signed_numbers(source):
    examples = importlib.import_module("mvssl.converters._tfrecord").read_sequence_examples
    assert [context["label"] for context, _ in examples(source / "pouring_train-0-of-2.tfrecord")] == [[-3], [-3]]


def test_damage_and_contradictions_are_named(prepare, source, tmp_path):
    file = source / "pouring_val-0-of-1.tfrecord"
    whole = file.read_bytes()
    file.write_bytes(whole[:-30])
    with pytest.raises(InputError, match="ends within a record"):
        prepare(source, tmp_path / "out")
    file.write_bytes(b"\xff" + whole[1:])
    with pytest.raises(InputError, match="no TFRecord header"):
        prepare(source, tmp_path / "out")
    file.write_bytes(record(sequence_example("c", [jpeg(5)] * 2, [0, 3], length=7)))
    with pytest.raises(InputError, match="c: 2 pictures, 2 labels, but len says 7"):
        prepare(source, tmp_path / "out")
    with pytest.raises(InputError, match="no pouring_"):
        prepare(tmp_path, tmp_path / "out")
