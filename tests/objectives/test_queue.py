from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mvssl.objectives._queue import Queue


def push(queue, numbers, valid=None):
    ids = torch.tensor(numbers, dtype=torch.long)
    there = torch.ones(len(ids), dtype=torch.bool) if valid is None else torch.tensor(valid, dtype=torch.bool)
    queue.push(ids[:, None].double().expand(-1, 2), ids, ids + 100, there)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 6), st.lists(st.lists(st.booleans(), max_size=9), max_size=6))
def test_it_holds_the_last_valid_rows_whatever_the_batch_sizes(size, batches):
    queue, kept, number = Queue(size, 2), [], 0
    for valid in batches:
        numbers = list(range(number, number + len(valid)))
        number += len(valid)
        push(queue, numbers, valid)
        kept += [n for n, ok in zip(numbers, valid) if ok]
    rows, index, session = queue.filled()
    assert sorted(index.tolist()) == kept[-size:]
    assert torch.equal(rows, index[:, None].float().expand(-1, 2))
    assert torch.equal(session, index + 100)


def test_a_fresh_queue_is_empty():
    rows, index, session = Queue(4, 2).filled()
    assert (len(rows), len(index), len(session)) == (0, 0, 0)


def test_it_is_saved_and_loaded():
    queue, other = Queue(3, 2), Queue(3, 2)
    push(queue, [0, 1, 2, 3])
    other.load_state_dict(queue.state_dict())
    push(queue, [4])
    push(other, [4])
    assert torch.equal(queue.index, other.index)
    assert sorted(other.index.tolist()) == [2, 3, 4]
