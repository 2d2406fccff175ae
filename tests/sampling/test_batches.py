"""The batch plan: a pure function of (seed, step); groups; ranks."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvssl.errors import InputError
from mvssl.sampling import BatchPlan, Ticket, sessions
from mvssl.types import Video


def samples(labels: str) -> list[tuple[Video, ...]]:
    return [(Video(f"{label}/{i}.mp4", "", label=label, session=f"s{label}"),) for i, label in enumerate(labels)]


@settings(max_examples=60, deadline=None)
@given(num=st.integers(1, 50), batch_size=st.integers(1, 20), seed=st.integers(0, 1000))
def test_an_epoch_shows_each_sample_at_most_once(num, batch_size, seed):
    if num < batch_size:
        with pytest.raises(InputError, match="lower batch_size"):
            BatchPlan(samples("a" * num), batch_size=batch_size, seed=seed)
        return
    plan = BatchPlan(samples("a" * num), batch_size=batch_size, seed=seed)
    seen = [ticket.sample for step in range(plan.steps_per_epoch) for ticket in plan.batch(step)]
    assert len(set(seen)) == len(seen) == num // batch_size * batch_size


def test_order_and_seeds_are_functions_of_seed_and_step():
    plan = BatchPlan(samples("a" * 20), batch_size=4, seed=1)
    late = BatchPlan(samples("a" * 20), batch_size=4, seed=1)
    assert late.batch(17) == plan.batch(17)
    assert [t.seed for t in plan.batch(17)] == [(1, 17, place) for place in range(4)]
    epochs = [[t.sample for step in range(5) for t in plan.batch(5 * e + step)] for e in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(20))
    assert epochs[0] != epochs[1]
    assert plan.batch(0) != BatchPlan(samples("a" * 20), batch_size=4, seed=2).batch(0)


@pytest.mark.parametrize("group_by", ["label", "folder", "session"])
@pytest.mark.parametrize("num_per_group", [2, 3])
def test_groups_stand_together(group_by, num_per_group):
    labels = "aaaaaaabbbbbcccc"
    plan = BatchPlan(samples(labels), batch_size=6, group_by=group_by, num_per_group=num_per_group)
    for step in range(10):
        found = [ticket.sample for ticket in plan.batch(step)]
        assert len(set(found)) == 6
        for members in np.array(found).reshape(-1, num_per_group):
            assert len({labels[i] for i in members}) == 1
            assert len(set(members)) == num_per_group


def test_what_an_epoch_leaves_out_the_next_ones_show():
    plan = BatchPlan(samples("aaabbb"), batch_size=4, group_by="label")
    assert {t.sample for step in range(40) for t in plan.batch(step)} == set(range(6))


def test_small_groups_are_an_error_or_counted():
    with pytest.raises(InputError, match="1 groups have fewer"):
        BatchPlan(samples("aab"), batch_size=2, group_by="label")
    plan = BatchPlan(samples("aab"), batch_size=2, group_by="label", small_groups="drop")
    assert plan.num_dropped == 1
    assert {t.sample for step in range(5) for t in plan.batch(step)} == {0, 1}


def test_grouping_needs_the_group():
    with pytest.raises(InputError, match="states no label"):
        BatchPlan([*samples("aa"), (Video("x", ""),)], batch_size=2, group_by="label")


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_ranks_share_the_global_batch(world_size):
    plan = BatchPlan(samples("a" * 30), batch_size=8, seed=3)
    for step in (0, 2, 5):
        parts = [plan.rank_batch(step, rank=rank, world_size=world_size) for rank in range(world_size)]
        assert [ticket for part in parts for ticket in part] == plan.batch(step)


def test_a_batch_that_cannot_be_cut_is_refused():
    plan = BatchPlan(samples("aaaabbbb"), batch_size=6, group_by="label")
    with pytest.raises(InputError, match="multiple of 4"):
        plan.rank_batch(0, rank=0, world_size=2)
    with pytest.raises(InputError, match="no multiple of num_per_group"):
        BatchPlan(samples("aaaabbbb"), batch_size=5, group_by="label")


def test_steps_resume_anywhere_and_can_be_pickled():
    plan = BatchPlan(samples("a" * 9), batch_size=2, seed=5)
    whole = list(plan.steps(end=10))
    assert whole[4:] == list(pickle.loads(pickle.dumps(plan.steps(start=4, end=10))))
    assert whole[0][0] == Ticket(plan.batch(0)[0].sample, (5, 0, 0))


def test_sessions_put_the_cameras_of_a_take_together():
    rows = [
        Video("a1", "", session="s", camera="2"),
        Video("b", ""),
        Video("a0", "", session="s", camera="1"),
        Video("c", "", session="t", camera="1"),
    ]
    assert [[v.id for v in session] for session in sessions(rows)] == [["a0", "a1"], ["b"], ["c"]]
    assert [len(session) for session in sessions(rows, by="video")] == [1, 1, 1, 1]
    with pytest.raises(InputError, match="same camera"):
        sessions([rows[0], rows[0]._replace(id="x")])
    with pytest.raises(InputError, match="empty"):
        sessions([])


def test_the_sets_of_all_groups_are_mixed():
    """Not one group after the other: nearly every batch of two sets would then hold one group alone."""
    labels = "a" * 20 + "b" * 20
    plan = BatchPlan(samples(labels), batch_size=4, group_by="label", num_per_group=2)
    mixed = [len({labels[ticket.sample] for ticket in plan.batch(step)}) == 2 for step in range(200)]
    assert 0.35 < np.mean(mixed) < 0.7  # 10 of 19
