from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvssl import neighbours


def plain_distances(x, y):
    return ((x[:, None].astype(np.float64) - y[None].astype(np.float64)) ** 2).sum(-1)


def plain_top_k(distance, k):
    order = np.argsort(distance, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distance, order, 1)


@pytest.mark.parametrize("dimension", [1, 3, 64])
@pytest.mark.parametrize("offset", [0.0, 1000.0])  # far from the origin float32 products alone fail
def test_nearest_in_each_is_the_first_argmin(rng, dimension, offset):
    lengths = np.array([1, 7, 20, 4])
    x, y = rng.normal(size=(30, dimension)) + offset, rng.normal(size=(32, dimension)) + offset
    y[5], y[12] = y[4], y[11]
    distance = plain_distances(x, y)
    starts = np.cumsum(lengths) - lengths
    expected = np.stack([distance[:, a : a + n].argmin(1) for a, n in zip(starts, lengths)], axis=1)
    np.testing.assert_array_equal(neighbours.nearest_in_each(x, y, lengths), expected)
    np.testing.assert_array_equal(neighbours.nearest(x, y), distance.argmin(1))


@pytest.mark.parametrize("chunk", [60, 1 << 21])  # blocks of few tables, and all at once
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_nearest_between_is_the_first_argmin_in_every_other_table(rng, offset, chunk, monkeypatch):
    monkeypatch.setattr(neighbours, "CHUNK", chunk)
    tables = [rng.integers(0, 3, (n, 4)) / 4 + offset for n in (5, 1, 9, 12, 2, 7)]  # many equal distances
    found = np.split(neighbours.nearest_between(tables), np.cumsum([len(t) for t in tables])[:-1])
    for i, own in enumerate(tables):
        for j, other in enumerate(tables):
            expected = plain_distances(own, other).argmin(1) if i != j else np.zeros(len(own))
            np.testing.assert_array_equal(found[i][:, j], expected)


def test_nearest_between_of_tables_too_long_for_a_block(rng, monkeypatch):
    tables = [rng.normal(size=(n, 4)) for n in (30, 10)]
    whole = neighbours.nearest_between(tables)
    monkeypatch.setattr(neighbours, "CHUNK", 50)
    split = neighbours.nearest_between(tables)
    np.testing.assert_array_equal(whole[:30, 1], split[:30, 1])
    np.testing.assert_array_equal(whole[30:, 0], split[30:, 0])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**31 - 1))
def test_ties_go_to_the_lowest_index(n, m, k, seed):
    generator = np.random.default_rng(seed)
    x, y = generator.integers(0, 2, (n, 3)) / 3, generator.integers(0, 2, (m, 3)) / 3  # many equal distances
    distance = plain_distances(x, y)
    index, found = neighbours.top_k(x, y, k)
    expected, squared = plain_top_k(np.round(distance, 12), k)
    np.testing.assert_array_equal(index[:, : min(k, m)], expected)
    np.testing.assert_allclose(found[:, : min(k, m)] ** 2, squared, atol=1e-12)
    assert (index[:, m:] == -1).all()
    assert np.isinf(found[:, m:]).all()
    np.testing.assert_array_equal(neighbours.nearest(x, y), np.round(distance, 12).argmin(1))


def test_constant_rows_all_tie():
    rows = np.full((333, 7), 1 / 3, dtype=np.float32)
    assert (neighbours.nearest(rows, rows) == 0).all()
    index, distance = neighbours.top_k(rows, rows, 4)
    assert (index == np.arange(4)).all()
    assert (distance == 0).all()


def test_blocks_do_not_change_the_answer(rng, monkeypatch):
    x, y, lengths = rng.normal(size=(50, 5)), rng.normal(size=(60, 5)), np.array([10, 30, 20])
    whole = neighbours.nearest_in_each(x, y, lengths), *neighbours.top_k(x, y, 7)
    monkeypatch.setattr(neighbours, "CHUNK", 130)
    for before, after in zip(whole, (neighbours.nearest_in_each(x, y, lengths), *neighbours.top_k(x, y, 7))):
        np.testing.assert_array_equal(before, after)


def test_own_group_is_not_found(rng):
    x, group = rng.normal(size=(40, 4)), rng.integers(0, 4, 40)
    index, _ = neighbours.top_k(x, x, 9, group_x=group, group_y=group)
    distance = plain_distances(x, x)
    distance[group[:, None] == group] = np.inf
    np.testing.assert_array_equal(index, plain_top_k(distance, 9)[0])


def test_too_few_rows_allowed(rng):
    x = rng.normal(size=(6, 2))
    index, distance = neighbours.top_k(x, x, 3, group_x=np.zeros(6), group_y=np.array([0, 0, 0, 0, 1, 0]))
    assert (index[:, 0] == 4).all()
    assert (index[:, 1:] == -1).all()
    assert np.isinf(distance[:, 1:]).all()


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_scale_does_not_matter(rng, scale):
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(30, 3))
    np.testing.assert_array_equal(neighbours.top_k(x * scale, y * scale, 5)[0], neighbours.top_k(x, y, 5)[0])
