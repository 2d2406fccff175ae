from __future__ import annotations

import pytest
import torch
from references.objective_batches import clips, context, dims, frames, goldens, info, smooth, unit, wave
from torch.nn import functional as F

from mvssl.errors import ConfigError
from mvssl.objectives._bank import Bank
from mvssl.objectives._noise_contrast import NoiseContrast
from mvssl.objectives._random import uniform
from mvssl.objectives.cmc import CMC, first_column

IDX = torch.tensor([[0, 4, 9, 2, 11], [3, 0, 8, 6, 1], [5, 10, 7, 1, 4], [7, 2, 7, 11, 9]])


def golden_scores():
    """Logits of both directions from the memories before the update."""
    left, ab = wave(4, 8, 1.5).requires_grad_(), wave(4, 8, 2.1).requires_grad_()
    memory_l, memory_ab = unit(wave(12, 8, 0.3)), unit(wave(12, 8, 0.9))
    out_l = torch.einsum("nkd,nd->nk", memory_ab[IDX], unit(left)) / 0.07
    out_ab = torch.einsum("nkd,nd->nk", memory_l[IDX], unit(ab)) / 0.07
    return (left, ab), (out_l, out_ab)


@pytest.mark.real_data
@pytest.mark.parametrize("constant", ["given", "automatic"])
def test_nce_goldens(goldens_root, constant):
    """The authors add 1e-7 inside both logarithms; without it the value moves by less than 1e-6."""
    golden = goldens(goldens_root)[f"CMC NCE sum of both directions, Z {constant}"]
    leaves, scores = golden_scores()
    noise = [NoiseContrast(12), NoiseContrast(12)]
    if constant == "given":
        for module, z in zip(noise, golden["Z"], strict=True):
            module.log_z.fill_(float(z)).log_()
    value = sum(module(logits).mean() for module, logits in zip(noise, scores, strict=True))
    assert value.item() == pytest.approx(golden["value"], rel=1e-6)
    norms = [g.norm().item() for g in torch.autograd.grad(value, leaves)]
    assert norms == pytest.approx(golden["grad_norm_raw"], rel=1e-6)
    assert [m.log_z.exp().item() for m in noise] == pytest.approx(golden["Z"], rel=1e-10)
    theirs = 0.0
    for module, logits in zip(noise, scores, strict=True):
        h, c = logits.exp() / module.log_z.exp(), 4 / 12
        terms = (h[:, 0] / (h[:, 0] + c + 1e-7)).log() + (c / (h[:, 1:] + c + 1e-7)).log().sum(1)
        theirs -= terms.mean().item()
    assert theirs == pytest.approx(golden["value"], rel=1e-10)


@pytest.mark.real_data
def test_softmax_golden(goldens_root):
    golden = goldens(goldens_root)["CMC softmax CE sum of both directions"]
    from mvssl.objectives._nce import info_nce

    leaves, scores = golden_scores()
    value = sum(info_nce(logits, first_column(logits)).mean() for logits in scores)
    assert value.item() == pytest.approx(golden["value"], rel=1e-9)
    norms = [g.norm().item() for g in torch.autograd.grad(value, leaves)]
    assert norms == pytest.approx(golden["grad_norm_raw"], rel=1e-9)


@pytest.mark.real_data
@pytest.mark.parametrize("name,shift,feature", [("l", 0.3, 1.5), ("ab", 0.9, 2.1)])
def test_memory_golden(goldens_root, name, shift, feature):
    golden = goldens(goldens_root)[f"CMC memory_{name} rows y=[0,3,5,7] after one update, momentum .5"]
    bank = Bank(12, 8, momentum=0.5, seed=0).double()
    before = unit(wave(12, 8, shift))
    bank.rows.copy_(before)
    bank.update(IDX[:, 0], unit(wave(4, 8, feature)), torch.ones(4, dtype=torch.bool))
    torch.testing.assert_close(
        bank.rows[IDX[:, 0]], torch.tensor(golden["value"], dtype=torch.float64), rtol=0, atol=1e-11
    )
    others = [i for i in range(12) if i not in IDX[:, 0]]
    assert torch.equal(bank.rows[others], before[others])


def test_bank_update_leaves_absent_rows_and_takes_the_last_of_repeats():
    bank = Bank(5, 4, momentum=0.5, seed=0).double()
    before = bank.rows.clone()
    rows = unit(wave(4, 4, 0.0))
    bank.update(torch.tensor([3, 1, 3, 2]), rows, torch.tensor([True, True, True, False]))
    assert torch.equal(bank.rows[[0, 2, 4]], before[[0, 2, 4]])
    torch.testing.assert_close(bank.rows[3], F.normalize(0.5 * before[3] + 0.5 * rows[2], dim=0))
    with pytest.raises(ConfigError, match="set negatives: queue"):
        Bank(1_000_001, 4, momentum=0.5, seed=0)


def made(features, ctx, num_samples=6, **parameters):
    torch.manual_seed(0)
    objective = CMC(dim=8, **parameters)
    objective.build(dims(features), num_samples)
    objective.double()
    return objective


def clip_batch(num_views=2, size=6, **more):
    features = {f"v{i}": clips(wave(size, 5 + i, 0.4 * i)) for i in range(num_views)}
    return features, context({name: info(torch.zeros(size, 1)) for name in features}, **more)


def embed(objective, features):
    return {name: F.normalize(objective.heads[name](x.clip), dim=1) for name, x in features.items()}


def test_in_batch_is_the_symmetric_cross_view_info_nce():
    features, ctx = clip_batch()
    objective = made(features, ctx)
    z = embed(objective, features)
    logits = z["v0"] @ z["v1"].T / 0.07
    expected = F.cross_entropy(logits, torch.arange(6)) + F.cross_entropy(logits.T, torch.arange(6))
    torch.testing.assert_close(objective(features, ctx)["loss"], expected, rtol=1e-11, atol=0)


@pytest.mark.parametrize("graph,pairs", [("full", [(0, 1), (0, 2), (1, 2)]), ("core", [(0, 1), (0, 2)])])
def test_more_views_are_a_sum_over_the_graph(graph, pairs):
    features, ctx = clip_batch(3)
    objective = made(features, ctx, graph=graph)
    z, target, expected = embed(objective, features), torch.arange(6), 0.0
    for i, j in pairs:
        logits = z[f"v{i}"] @ z[f"v{j}"].T / 0.07
        expected = expected + F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)
    out = objective(features, ctx)
    torch.testing.assert_close(out["loss"], expected, rtol=1e-11, atol=0)
    assert {key for key in out if "->" in key} == {f"v{i}->v{j}" for p in pairs for i, j in (p, p[::-1])}


def test_absent_views_take_no_part_and_their_partners_stay_negatives():
    features, ctx = clip_batch()
    present = torch.tensor([True, True, False, True, True, True])
    views = {"v0": ctx.views["v0"], "v1": ctx.views["v1"]._replace(present=present)}
    objective = made(features, ctx)
    value = objective(features, ctx._replace(views=views))["loss"]
    z = embed(objective, features)
    logits, target = z["v0"] @ z["v1"].T / 0.07, torch.arange(6)[present]
    forward = F.cross_entropy(logits[present][:, present], torch.arange(5))
    expected = forward + F.cross_entropy(logits.T[present], target)
    torch.testing.assert_close(value, expected, rtol=1e-11, atol=0)


@pytest.mark.parametrize("loss", ["softmax", "nce"])
def test_bank_by_a_plain_loop(loss):
    features, ctx = clip_batch(index=torch.tensor([5, 2, 9, 0, 7, 3]))
    objective = made(features, ctx, num_samples=10, negatives="bank", num_negatives=4, loss=loss)
    z, expected = embed(objective, features), 0.0
    shift = 1 + (uniform(ctx, 4) * 9).long()  # the step is the seed: the objective draws the same
    for v, w in (("v0", "v1"), ("v1", "v0")):
        bank = objective.memory[w].rows
        scores = []
        for b, own in enumerate(ctx.index.tolist()):
            drawn = [(own + int(s)) % 10 for s in shift[b]]
            assert own not in drawn
            scores.append(torch.stack([z[v][b] @ bank[k] / 0.07 for k in (own, *drawn)]))
        scores = torch.stack(scores)
        if loss == "softmax":
            expected = expected + F.cross_entropy(scores, torch.zeros(6, dtype=torch.long))
        else:
            h = scores.exp() / (scores.exp().mean() * 10)
            c = 4 / 10
            expected = expected - ((h[:, 0] / (h[:, 0] + c)).log() + (c / (h[:, 1:] + c)).log().sum(1)).mean()
    torch.testing.assert_close(objective(features, ctx)["loss"], expected, rtol=1e-10, atol=0)
    before = objective.memory["v1"].rows.clone()
    objective.after_step(ctx)
    moved = F.normalize(0.5 * before[5] + 0.5 * z["v1"][0], dim=0)
    torch.testing.assert_close(objective.memory["v1"].rows[5], moved, rtol=1e-10, atol=0)


def test_bank_without_momentum_is_the_in_batch_loss():
    """Two samples, all others drawn, rows without memory: the symmetric cross-view InfoNCE of the batch."""
    features, ctx = clip_batch(size=2)
    bank = made(features, ctx, num_samples=2, negatives="bank", num_negatives=1, bank_momentum=0.0)
    bank(features, ctx)
    bank.after_step(ctx)
    expected = made(features, ctx)(features, ctx)["loss"]
    torch.testing.assert_close(bank(features, ctx)["loss"], expected, rtol=1e-6, atol=0)


def test_noise_constant_is_kept_from_the_first_batch_and_saved():
    module = NoiseContrast(100)
    first, second = torch.randn(4, 6, generator=torch.Generator().manual_seed(0)), torch.zeros(4, 6)
    module(first)
    z = module.log_z.clone()
    module(second)
    assert torch.equal(module.log_z, z)
    assert torch.equal(module.state_dict()["log_z"], z)


def test_nce_gradient_tends_to_softmax_with_many_negatives():
    """With K to infinity (all rows of a big memory) the gradients of NCE and softmax point the same way."""
    generator = torch.Generator().manual_seed(0)
    keys = unit(torch.randn(4000, 16, generator=generator, dtype=torch.float64))
    z = unit(torch.randn(16, generator=generator, dtype=torch.float64)).requires_grad_()
    logits = (keys @ z)[None] / 0.5
    nce = torch.autograd.grad(NoiseContrast(3999)(logits).sum(), z, retain_graph=True)[0]
    softmax = torch.autograd.grad(F.cross_entropy(logits, torch.zeros(1, dtype=torch.long)), z)[0]
    assert F.cosine_similarity(nce, softmax, dim=0) > 0.98


def test_queue_fills_with_keys_of_earlier_steps():
    features, ctx = clip_batch()
    objective = made(features, ctx, negatives="queue", num_negatives=8)
    assert objective(features, ctx)["loss"] == 0  # nothing to be told from yet
    objective.after_step(ctx)
    z = embed(objective, features)
    later = ctx._replace(session_id=ctx.session_id + 100)
    expected = 0.0
    for v, w in (("v0", "v1"), ("v1", "v0")):
        logits = torch.cat([(z[v] * z[w]).sum(1, keepdim=True), z[v] @ z[w].float().double().T], 1) / 0.07
        expected = expected + F.cross_entropy(logits, torch.zeros(6, dtype=torch.long))
    torch.testing.assert_close(objective(features, later)["loss"], expected, rtol=1e-6, atol=0)


def frame_batch(size=3):
    """Two cameras with the same instants in another order, b 10 s behind on its own clock."""
    time_a = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0]).expand(size, 5)
    order = torch.tensor([2, 0, 4, 1, 3])
    a, b = smooth(size, 5, 6, seed=1), smooth(size, 5, 7, seed=2)
    views = {"a": info(time_a), "b": info(time_a[:, order] - 10, offset_s=torch.full((size,), 10.0))}
    return {"a": frames(a), "b": frames(b)}, context(views), order


@pytest.mark.parametrize("negatives", ["session", "in_batch"])
def test_frames_find_the_same_instant_on_the_session_clock(negatives):
    features, ctx, order = frame_batch()
    objective = made(features, ctx, level="frame", negatives=negatives)
    a = F.normalize(objective.heads["a"](features["a"].frame), dim=-1)
    b = F.normalize(objective.heads["b"](features["b"].frame), dim=-1)
    terms = []
    for s in range(3):
        for i in range(5):
            j = order.tolist().index(i)
            for row, keys, at in ((a[s, i], b, j), (b[s, j], a, i)):
                logits = keys[s] @ row / 0.07
                if negatives == "in_batch":
                    logits = torch.cat([logits, *(keys[r] @ row / 0.07 for r in range(3) if r != s)])
                terms.append(torch.logsumexp(logits, 0) - logits[at])
    torch.testing.assert_close(objective(features, ctx)["loss"], 2 * torch.stack(terms).mean(), rtol=1e-10, atol=0)


def test_instants_too_far_apart_are_no_pair():
    features, ctx, _ = frame_batch()
    objective = made(features, ctx, level="frame", negatives="session")
    shifted = ctx._replace(views={**ctx.views, "b": ctx.views["b"]._replace(offset_s=torch.full((3,), 9.9))})
    loss = objective(features, shifted)["loss"]
    loss.backward()
    assert loss == 0


def test_wrong_combinations_are_named():
    with pytest.raises(ConfigError, match="level frame takes negatives in_batch or session, not bank"):
        CMC(level="frame", negatives="bank")
    with pytest.raises(ConfigError, match="loss nce needs negatives: bank, not queue"):
        CMC(loss="nce", negatives="queue")


def test_shared_latent_is_found_across_views():
    """Two linear views of one latent with private noise: after training the other view is found among all."""
    generator = torch.Generator().manual_seed(0)
    latent = torch.randn(256, 4, generator=generator)
    mixing = [torch.randn(4, 12, generator=generator) for _ in range(2)]
    private = [torch.randn(256, 6, generator=generator) for _ in range(2)]
    x = [torch.cat([latent @ m, p], 1) for m, p in zip(mixing, private, strict=True)]
    torch.manual_seed(0)
    objective = CMC(dim=8, temperature=0.2)
    objective.build(dims({"a": clips(x[0]), "b": clips(x[1])}), 256)
    optimiser = torch.optim.Adam(objective.parameters(), 1e-2)
    for step in range(150):
        rows = torch.arange(64) + 64 * (step % 3)
        features = {"a": clips(x[0][rows]), "b": clips(x[1][rows])}
        optimiser.zero_grad()
        objective(features, context({v: info(torch.zeros(64, 1)) for v in "ab"}))["loss"].backward()
        optimiser.step()
    a, b = (F.normalize(objective.heads[v](x[i][192:]), dim=1) for i, v in enumerate("ab"))
    assert ((a @ b.T).argmax(1) == torch.arange(64)).float().mean() > 0.9
