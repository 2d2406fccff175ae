from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references.contrast import nt_xent_loop, supcon_loop
from references.objective_batches import context, info, unit, wave

from mvssl.objectives import _nce
from mvssl.objectives._nce import constant, contrast, info_nce, other_samples, same_label


def batch(size, **more):
    return context({name: info(torch.zeros(size, 1)) for name in ("a", "b")}, **more)


def everyone(size, views=2):
    return [torch.ones(size, dtype=torch.bool)] * views


def test_info_nce_is_cross_entropy_with_one_positive():
    logits, answer = wave(6, 5, 0.3), torch.tensor([0, 4, 2, 2, 1, 3])
    positive = torch.nn.functional.one_hot(answer, 5).bool()
    expected = torch.nn.functional.cross_entropy(logits, answer, reduction="none")
    torch.testing.assert_close(info_nce(logits, positive), expected, rtol=1e-12, atol=0)


def test_info_nce_with_soft_positives_is_soft_cross_entropy():
    logits, weights = wave(6, 5, 0.3), wave(6, 5, 1.0).abs()
    expected = -(weights / weights.sum(1, keepdim=True) * logits.log_softmax(1)).sum(1)
    torch.testing.assert_close(info_nce(logits, weights), expected, rtol=1e-12, atol=0)


def test_info_nce_selects_before_the_softmax():
    """Rows without a positive and columns in no mask are as if they were not there, even if they hold NaN."""
    logits = wave(4, 5, 0.3)
    logits[1] = torch.nan
    logits[:, 4] = torch.inf
    positive = torch.zeros(4, 5, dtype=torch.bool)
    positive[[0, 2, 3], [0, 1, 2]] = True
    negative = torch.ones(4, 5, dtype=torch.bool)
    negative[:, 4] = False
    logits.requires_grad_()
    value = info_nce(logits, positive, negative)
    expected = info_nce(logits[[0, 2, 3], :4].detach(), positive[[0, 2, 3], :4])
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=0)
    (grad,) = torch.autograd.grad(value.sum(), logits)
    assert (grad[1] == 0).all()
    assert (grad[:, 4] == 0).all()


@pytest.mark.parametrize("elements", [1, 40, 10**6])
@pytest.mark.parametrize("session", [list(range(7)), [0, 1, 0, 2, 3, 3, 4]])
def test_contrast_is_the_loop_whatever_the_chunk(monkeypatch, elements, session):
    monkeypatch.setitem(_nce.CHUNK_ELEMENTS, "cpu", elements)
    a, b = wave(7, 5, 0.0).requires_grad_(), wave(7, 5, 0.9).requires_grad_()
    ids = batch(7, session_id=torch.tensor(session))
    value, (terms, weights) = contrast([unit(a), unit(b)], everyone(7), ids, temperature=constant(0.3))
    rows = nt_xent_loop([*unit(a), *unit(b)], [*range(7)] * 2, session * 2, 0.3)
    torch.testing.assert_close(terms, torch.stack(rows).detach(), rtol=1e-10, atol=1e-12)
    assert (weights == 1).all()
    expected = torch.stack(rows).mean()
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=0)
    for mine, theirs in zip(*(torch.autograd.grad(v, (a, b)) for v in (value, expected)), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("elements", [30, 10**6])
def test_contrast_with_several_positives_is_the_loop(monkeypatch, elements):
    monkeypatch.setitem(_nce.CHUNK_ELEMENTS, "cpu", elements)
    views = [wave(5, 4, shift).requires_grad_() for shift in (0.0, 0.9, 2.0)]
    label = [0, 1, 0, 2, 1]
    value, _ = contrast(
        [unit(x) for x in views],
        everyone(5, 3),
        batch(5, label=torch.tensor(label)),
        temperature=constant(0.2),
        negatives=other_samples,
        positives=same_label,
    )
    expected = torch.stack(supcon_loop([row for x in views for row in unit(x)], label * 3, 0.2)).mean()
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=0)
    for mine, theirs in zip(*(torch.autograd.grad(v, views) for v in (value, expected)), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12)


def test_gradcheck_of_the_hand_made_gradient():
    """With a class that has several positives and one anchor that has none."""
    ids = batch(5, label=torch.tensor([0, 0, 1, 2, 3]))
    valid = [torch.ones(5, dtype=torch.bool), torch.tensor([True, True, True, False, True])]

    def loss(a, b):
        return contrast([unit(a), unit(b)], valid, ids, temperature=constant(0.4), positives=same_label)[0]

    assert torch.autograd.gradcheck(loss, (wave(5, 3, 0.0).requires_grad_(), wave(5, 3, 0.5).requires_grad_()))


def test_absent_rows_are_as_if_they_were_not_there():
    a, b = unit(wave(6, 4, 0.0)), unit(wave(6, 4, 0.6))
    there = torch.tensor([True, False, True, True, False, True])
    filled = torch.where(there[:, None], a, torch.nan)
    value, _ = contrast([filled, b], [there, there], batch(6), temperature=constant(0.1))
    expected, _ = contrast([a[there], b[there]], everyone(4), batch(4), temperature=constant(0.1))
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=0)


def test_nothing_present_gives_zero_with_a_graph():
    a = wave(3, 4, 0.0).requires_grad_()
    nobody = torch.zeros(3, dtype=torch.bool)
    value, terms = contrast([a, a], [nobody, nobody], batch(3), temperature=constant(0.1))
    assert value == 0
    assert terms.shape == (2, 0)
    assert (torch.autograd.grad(value, a)[0] == 0).all()


def test_one_session_alone_has_no_negatives():
    a, b = unit(wave(4, 3, 0.0)), unit(wave(4, 3, 0.6))
    one = batch(4, session_id=torch.zeros(4, dtype=torch.long))
    assert contrast([a, b], everyone(4), one, temperature=constant(0.1))[0] == 0
    asked, _ = contrast([a, b], everyone(4), one, temperature=constant(0.1), negatives=other_samples)
    assert asked > 0.1


@settings(max_examples=25, deadline=None)
@given(
    label=st.lists(st.integers(-1, 2), min_size=2, max_size=7),
    chunk=st.integers(1, 60),
    seed=st.integers(0, 100),
)
def test_contrast_is_info_nce_on_the_whole_matrix(label, chunk, seed):
    size = len(label)
    z = unit(torch.randn(2 * size, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))
    before, _nce.CHUNK_ELEMENTS["cpu"] = _nce.CHUNK_ELEMENTS["cpu"], chunk
    try:
        value, _ = contrast(
            [z[:size], z[size:]],
            everyone(size),
            batch(size, label=torch.tensor(label)),
            temperature=constant(0.5),
            positives=same_label,
            negatives=other_samples,
        )
    finally:
        _nce.CHUNK_ELEMENTS["cpu"] = before
    of, sample = torch.tensor(label * 2), torch.arange(size).repeat(2)
    itself = torch.eye(2 * size, dtype=torch.bool)
    positive = ((of[:, None] == of) & (of >= 0) | (sample[:, None] == sample)) & ~itself
    expected = info_nce(z @ z.T / 0.5, positive, ~itself).mean()
    torch.testing.assert_close(value, expected, rtol=1e-9, atol=1e-12)
