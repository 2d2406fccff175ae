"""The order of a folder's pictures, and their times where the names are times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_DIGITS = re.compile(r"(\d+)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_EPOCH_UNITS = {19: 1e-9, 16: 1e-6, 13: 1e-3}  # digits of a date between 2001 and 2286 -> seconds of its last digit


class Order(NamedTuple):
    names: list[str]
    time_s: np.ndarray | None  # (N,) float64 rising, where the names are times
    remarks: tuple[tuple[str, str], ...]  # (kind, message)


def natural_key(name: str) -> tuple:
    """By all numbers of a name, each as a number, and the text between them."""
    stem = name.rpartition(".")[0]
    return (tuple((int(part), "") if part.isdigit() else (-1, part) for part in _DIGITS.split(stem)), name)


def order_of(names: Sequence[str]) -> Order:
    """Names of pictures in the order in which they are shown.

    A number that alone changes from name to name, with what stands around it, orders by its value (signs and decimals
    count: -3, -2, 0.1, 0.25). Decimals, and whole numbers of 13, 16 or 19 digits, are times in seconds, and milli-, micro-
    and nanoseconds since 1970. All other names are in natural order over all their numbers.
    """
    stems = [name.rpartition(".")[0] for name in names]
    numbers = _values(stems)
    if numbers is None:
        ordered = sorted(names, key=natural_key)
        if len({natural_key(name)[0] for name in names}) < len(stems):
            return Order(
                ordered, None, (("assumed_order", f"some names are the same number; sorted as {_shown(ordered)}"),)
            )
        changing = _changing(stems)
        if changing < 2:
            return Order(ordered, None, ())
        remark = (
            f"the names hold {changing} numbers that change; sorted by the first, then the next, as {_shown(ordered)}"
        )
        return Order(ordered, None, (("assumed_order", remark),))
    values = [float(number) for number in numbers]
    rank = sorted(range(len(names)), key=lambda i: (values[i], natural_key(names[i])))
    ordered = [names[i] for i in rank]
    remarks = []
    time_s = _times([numbers[i] for i in rank])
    if time_s is not None:
        remarks.append(("times_from_names", f"the times are those of the names, {time_s[0]:.6f} to {time_s[-1]:.6f} s"))
    if ordered != sorted(names, key=natural_key):
        remarks.append(("assumed_order", f"the names are taken as numbers with sign and decimals: {_shown(ordered)}"))
    return Order(ordered, time_s, tuple(remarks))


def _values(stems: Sequence[str]) -> list[str] | None:
    """The one number by which the names differ; None where they differ in more. A sign counts only at the beginning."""
    numbers, around = [], set()
    for stem in stems:
        found = list(_NUMBER.finditer(stem))
        if not found:
            return None
        match = found[-1] if len(found) > 1 else found[0]
        number, start = match.group(), match.start()
        if number[0] == "-" and start > 0:
            number, start = number[1:], start + 1
        numbers.append(number)
        around.add((stem[:start], stem[match.end() :]))
    if len(around) > 1 or len({float(number) for number in numbers}) < len(numbers):
        return None
    return numbers


def _times(numbers: Sequence[str]) -> np.ndarray | None:
    if len(numbers) < 2:
        return None
    if any("." in number for number in numbers):
        return np.array([float(number) for number in numbers])
    lengths = {len(number) for number in numbers}
    unit = _EPOCH_UNITS.get(lengths.pop()) if len(lengths) == 1 else None
    if unit is None or not all(number.isdigit() for number in numbers):
        return None
    return np.array([int(number) // max(round(1e-6 / unit), 1) * max(unit, 1e-6) for number in numbers])


def _changing(stems: Sequence[str]) -> int:
    """How many of the numbers in the names change from one to the next."""
    rows = [_DIGITS.findall(stem) for stem in stems]
    width = min(map(len, rows), default=0)
    return sum(len({row[column] for row in rows}) > 1 for column in range(width)) + (len(set(map(len, rows))) > 1)


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
