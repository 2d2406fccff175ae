"""TFRecord files of SequenceExamples, read without TensorFlow.

A record: length (uint64), its masked CRC-32C (uint32), that many bytes, their CRC (uint32), little endian. The bytes
are a protocol buffer: SequenceExample {1: context Features, 2: FeatureLists}; both are maps from a name to a Feature, or to a
list of them; Feature {1: bytes list, 2: float list, 3: int64 list}. Checked: the CRC of each length (that the file is whole
and is a TFRecord); the CRC of the bytes is passed over, for speed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mvssl.errors import InputError


def read_sequence_examples(path: str | Path) -> Iterator[tuple[dict[str, list], dict[str, list[list]]]]:
    """(context, feature lists) of each record: lists of bytes, int or float by name; feature lists hold one list per
    step.

    Raises:
        InputError: the file is cut short, or is no TFRecord.
    """
    path = Path(path)
    with path.open("rb") as file:
        while header := file.read(12):
            if len(header) < 12 or _masked_crc(header[:8]) != struct.unpack("<I", header[8:])[0]:
                raise InputError(
                    f"{path}: byte {file.tell() - len(header)}: no TFRecord header; is the download complete?"
                )
            length = struct.unpack("<Q", header[:8])[0]
            record = file.read(length)
            if len(record) < length or len(file.read(4)) < 4:
                raise InputError(f"{path}: ends within a record of {length} bytes; is the download complete?")
            yield _sequence_example(memoryview(record))


def _sequence_example(message: memoryview) -> tuple[dict[str, list], dict[str, list[list]]]:
    context: dict[str, list] = {}
    lists: dict[str, list[list]] = {}
    for field, value in _fields(message):
        for _, entry in _fields(value):
            parts = dict(_fields(entry))
            name = bytes(parts[1]).decode()
            if field == 1:
                context[name] = _feature(parts.get(2, b""))
            elif field == 2:
                lists[name] = [_feature(step) for _, step in _fields(parts.get(2, b""))]
    return context, lists


def _feature(message: Any) -> list:
    for kind, value in _fields(message):
        if kind == 1:
            return [bytes(item) for _, item in _fields(value)]
        numbers: list = []
        for _, item in _fields(value):
            if kind == 3:
                numbers += [item] if isinstance(item, int) else _varints(item)
            else:
                numbers += struct.unpack(f"<{len(item) // 4}f", item)
        return [n - (1 << 64) if isinstance(n, int) and n >= 1 << 63 else n for n in numbers]
    return []


def _fields(message: Any) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field: int for varints, memoryview for the rest."""
    message, at = memoryview(message), 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == 2:
            length, at = _varint(message, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise InputError(f"a protocol buffer with wire type {wire}: not a SequenceExample")
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _varints(message: memoryview) -> list[int]:
    out, at = [], 0
    while at < len(message):
        value, at = _varint(message, at)
        out.append(value)
    return out


def _masked_crc(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
