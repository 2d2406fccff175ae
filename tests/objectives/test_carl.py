from __future__ import annotations

import math

import pytest
import torch
from references.objective_batches import context, dims, frames, goldens, info, smooth, unit, wave
from scipy.stats import kendalltau

from mvssl.errors import ConfigError
from mvssl.objectives import get
from mvssl.objectives.carl import CARL

STEPS = [
    [[0, 3, 5, 8, 12, 15, 19, 22, 26, 30], [1, 4, 8, 9, 13, 17, 20, 25, 28, 31]],
    [[2, 5, 6, 10, 13, 18, 21, 24, 29, 33], [6, 8, 11, 16, 19, 22, 27, 30, 34, 36]],
]
LENGTHS = {"equal": [[40, 40], [45, 45]], "unequal": [[40, 32], [45, 50]]}


def golden_case(pad: bool, lengths: str):
    """A leaf, its unit vectors (2 videos, 2 views, 10 frames, 8), and their context: one frame = one second."""
    raw = wave(40, 8, 0.0).requires_grad_()
    z = unit(raw).reshape(2, 2, 10, 8)
    steps, length = torch.tensor(STEPS), torch.tensor(LENGTHS[lengths])
    mask = torch.ones(2, 2, 10, dtype=torch.bool)
    if pad:
        mask[0, 1, 7:] = False
    views = {f"v{i}": info(steps[:, i], mask[:, i], duration_s=length[:, i].double()) for i in range(2)}
    return raw, z, {f"v{i}": frames(z[:, i]) for i in range(2)}, context(views), (steps.double(), length.double(), mask)


def loop_loss(z, steps, length, mask, *, variance, temperature, batch):
    """The loss by a plain loop over rows."""
    total, rows = 0.0, 0
    for b in range(z.shape[0]):
        for v in range(2):
            w = 1 - v
            for i in range(z.shape[2]):
                if not mask[b, v, i] or not mask[b, w].any():
                    continue
                own = [j for j in range(z.shape[2]) if mask[b, w, j]]
                other = []
                if batch:
                    other = [
                        z[c, u, j]
                        for c in range(z.shape[0])
                        for u in range(2)
                        for j in range(z.shape[2])
                        if c != b and mask[c, u, j]
                    ]
                row = z[b, v, i]
                logits = torch.stack([row @ z[b, w, j] for j in own] + [row @ x for x in other]) / temperature
                scaled = steps[b, v, i] / length[b, v] * length[b, w]
                weight = torch.stack([torch.exp(-((scaled - steps[b, w, j]) ** 2) / (2 * variance)) for j in own])
                target = weight / weight.sum()
                log_p = logits - torch.logsumexp(logits, 0)
                total = total + sum(g * (g.log() - p) for g, p in zip(target, log_p[: len(own)], strict=True))
                rows += 1
    return total / rows


CASES = [(n, p, q) for n in ("single", "batch") for p, q in ((False, "equal"), (True, "equal"), (False, "unequal"))]


@pytest.mark.parametrize("negatives,pad,lengths", CASES)
def test_equals_a_plain_loop(negatives, pad, lengths):
    raw, z, features, ctx, (steps, length, mask) = golden_case(pad, lengths)
    objective = CARL(sigma_s=10**0.5, clock="normalised", negatives=negatives, projection="none")
    objective.build(dims(features), 2)
    loss = objective(features, ctx)["loss"]
    expected = loop_loss(z, steps, length, mask, variance=10, temperature=0.1, batch=negatives == "batch")
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    grad, wanted = (torch.autograd.grad(x, raw, retain_graph=True)[0] for x in (loss, expected))
    torch.testing.assert_close(grad, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.real_data
@pytest.mark.parametrize("negatives,pad,lengths", CASES)
def test_goldens(goldens_root, negatives, pad, lengths):
    suffix = "pad" if pad else "nopad" if lengths == "equal" else "nopad, unequal view lengths"
    golden = goldens(goldens_root)[f"own clean SCL KL {negatives}_noself {suffix}"]
    raw, _, features, ctx, _ = golden_case(pad, lengths)
    gathered = "gathered" if negatives == "batch" else "single"  # in one process the two are the same
    objective = CARL(sigma_frames=10**0.5, fps=1, clock="normalised", negatives=gathered, projection="none")
    objective.build(dims(features), 2)
    loss = objective(features, ctx)["loss"]
    assert loss.item() == pytest.approx(golden["value"], rel=1e-9)
    assert torch.autograd.grad(loss, raw)[0].norm().item() == pytest.approx(golden["grad_norm_raw"][0], rel=1e-9)


@pytest.mark.real_data
def test_the_authors_value_differs_by_their_floor_only(goldens_root):
    """They add 1e-6 inside the logarithm; with a mask they also weigh padded pairs 1e-6."""
    golden = goldens(goldens_root)
    theirs = golden["CARL SCL single_noself nopad"]["value"]
    clean = golden["own clean SCL KL single_noself nopad"]["value"]
    _, z, _, _, (steps, _, _) = golden_case(False, "equal")
    total = 0.0
    for v in range(2):
        target = (-((steps[:, v, :, None] - steps[:, 1 - v, None]) ** 2) / 20).softmax(-1)
        p = (z[:, v] @ z[:, 1 - v].transpose(1, 2) / 0.1).softmax(-1)
        total += (target * (target.log() - (p + 1e-6).log())).sum(-1).mean().item() / 2
    assert total == pytest.approx(theirs, rel=1e-9)
    assert 1e-5 < abs(theirs - clean) / clean < 1e-4


def plain(view_a, view_b, time_s, **parameters):
    features = {"a": frames(view_a), "b": frames(view_b)}
    objective = CARL(projection="none", **parameters)
    objective.build(dims(features), len(view_a))
    return objective(features, context({"a": info(time_s), "b": info(time_s)}))


def test_limits():
    """Sigma to 0: frame-index cross-entropy. Sigma to infinity: the target is uniform. Equal z: KL to uniform."""
    z = unit(torch.randn(3, 7, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    time_s = torch.arange(7.0).expand(3, 7)
    sharp = plain(z, z, time_s, sigma_s=1e-3)["loss"]
    logits = z @ z.transpose(1, 2) / 0.1
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.arange(7).repeat(3))
    torch.testing.assert_close(sharp, expected, rtol=1e-10, atol=0)
    flat = plain(z, z, time_s, sigma_s=1e6)["loss"]
    torch.testing.assert_close(flat, -math.log(7) - logits.log_softmax(-1).mean(), rtol=1e-9, atol=0)
    collapsed = plain(torch.ones_like(z), torch.ones_like(z), time_s, sigma_s=1e6)["loss"]
    assert abs(collapsed.item()) < 1e-12  # uniform against uniform: a KL is never below 0
    assert plain(z, z, time_s, sigma_s=1.0)["loss"] > 0


def test_collapse_value_of_80_frames():
    """80 frames, sigma^2 = 10 frames: a collapsed embedding costs log 80 minus the entropy of the target, 1.87."""
    z = torch.ones(1, 80, 4, dtype=torch.float64)
    value = plain(z, z, torch.arange(80.0)[None] / 25, sigma_frames=10**0.5)["loss"].item()
    assert value == pytest.approx(1.87, abs=0.02)


def test_seconds_are_the_key_and_not_the_row():
    """The same instants in another row order give the same loss."""
    a, b, time_s = smooth(2, 9, 6, seed=1), smooth(2, 9, 6, seed=2), torch.linspace(0, 2, 9).expand(2, 9)
    order = torch.tensor([3, 1, 8, 0, 2, 5, 7, 6, 4])
    features = {"a": frames(a[:, order]), "b": frames(b)}
    objective = CARL(projection="none", sigma_s=0.3)
    shuffled = objective(features, context({"a": info(time_s[:, order]), "b": info(time_s)}))["loss"]
    torch.testing.assert_close(shuffled, plain(a, b, time_s, sigma_s=0.3)["loss"], rtol=1e-12, atol=0)


def test_three_views_are_the_mean_of_their_pairs():
    z = [smooth(2, 6, 5, seed=s) for s in range(3)]
    time_s = torch.linspace(0, 1, 6).expand(2, 6)
    features = {str(i): frames(x) for i, x in enumerate(z)}
    objective = CARL(projection="none")
    all_pairs = objective(features, context({str(i): info(time_s) for i in range(3)}))["loss"]
    pairs = [plain(z[i], z[j], time_s)["loss"] for i, j in ((0, 1), (0, 2), (1, 2))]
    torch.testing.assert_close(all_pairs, torch.stack(pairs).mean(), rtol=1e-12, atol=0)


def test_frames_of_the_own_session_are_no_negatives():
    a, b, time_s = smooth(2, 6, 5, seed=1), smooth(2, 6, 5, seed=2), torch.linspace(0, 1, 6).expand(2, 6)
    features, views = {"a": frames(a), "b": frames(b)}, {"a": info(time_s), "b": info(time_s)}
    batch = CARL(projection="none", negatives="batch")
    together = batch(features, context(views, session_id=torch.zeros(2, dtype=torch.long)))["loss"]
    torch.testing.assert_close(together, plain(a, b, time_s)["loss"], rtol=1e-12, atol=0)
    assert batch(features, context(views))["loss"] > together + 0.1


def test_the_most_similar_frames_of_other_videos_can_be_left_out():
    z, time_s = unit(wave(36, 8, 0.0)).reshape(2, 3, 6, 8), torch.arange(6.0).double().expand(3, 6)
    kept = plain(z[0], z[1], time_s, negatives="batch", ignore_nearest=0.0)["loss"]
    torch.testing.assert_close(kept, plain(z[0], z[1], time_s, negatives="batch")["loss"])
    single = plain(z[0], z[1], time_s)["loss"]
    torch.testing.assert_close(plain(z[0], z[1], time_s, negatives="batch", ignore_nearest=1.0)["loss"], single)
    target = (-((time_s[0, :, None] - time_s[0]) ** 2) / (2 * 0.5**2)).softmax(1)
    rows = []
    for v, b, i in [(v, b, i) for v in range(2) for b in range(3) for i in range(6)]:
        own = z[1 - v, b] @ z[v, b, i] / 0.1
        other = torch.cat([z[u, c] @ z[v, b, i] for u in range(2) for c in range(3) if c != b]) / 0.1
        log_p = torch.cat([own, other.sort().values[: 24 - 7]]).log_softmax(0)[:6]  # 0.3 x 24 = 7 are left out
        rows.append((target[i] * (target[i].log() - log_p)).sum())
    value = plain(z[0], z[1], time_s, sigma_s=0.5, negatives="batch", ignore_nearest=0.3)["loss"]
    torch.testing.assert_close(value, torch.stack(rows).mean(), rtol=1e-11, atol=0)


@pytest.mark.parametrize("negatives", ["single", "batch"])
@pytest.mark.parametrize("fault", ["padded row", "padded view", "absent view", "everything"])
def test_padding_never_matters_and_gradients_stay_finite(negatives, fault):
    x = {v: smooth(3, 6, 8, seed=i).requires_grad_() for i, v in enumerate("ab")}
    mask, present = torch.ones(3, 6, dtype=torch.bool), torch.ones(3, dtype=torch.bool)
    if fault == "padded row":
        mask[1, 4:] = False
    elif fault == "padded view":
        mask[1] = False
    elif fault == "absent view":
        present[1] = False
    else:
        mask[:] = False
    time_s = torch.linspace(0, 1, 6).expand(3, 6)
    views = {"a": info(time_s), "b": info(time_s, mask, present=present)}
    torch.manual_seed(0)
    objective = CARL(negatives=negatives).double()
    objective.build({v: dims({v: frames(x[v])})[v] for v in x}, 3)
    objective.double()

    def value(b):
        return objective({"a": frames(x["a"]), "b": frames(b)}, context(views))["loss"]

    loss = value(x["b"])
    loss.backward()
    for parameter in (*x.values(), *objective.parameters()):
        assert torch.isfinite(parameter.grad).all()
    hidden = ~(mask & present[:, None])
    assert x["b"].grad[hidden].abs().max() == 0
    other = torch.where(hidden[..., None], 1e3 * torch.ones_like(x["b"]), x["b"])
    torch.testing.assert_close(value(other), loss, rtol=1e-12, atol=0)
    if fault == "everything":
        assert loss == 0


@pytest.mark.parametrize("negatives", ["single", "batch"])
def test_gradcheck(negatives):
    time_s = torch.tensor([[0.0, 0.2, 0.5, 0.6], [0.1, 0.2, 0.4, 0.9]])
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]], dtype=torch.bool)
    objective = CARL(negatives=negatives, projection_hidden=4, projection_dim=3, sigma_s=0.2)
    a, b = (smooth(2, 4, 3, seed=s).requires_grad_() for s in (1, 2))
    objective.build(dims({"a": frames(a), "b": frames(b)}), 2)
    objective.double()
    ctx = context({"a": info(time_s, mask), "b": info(time_s)})
    assert torch.autograd.gradcheck(lambda a, b: objective({"a": frames(a), "b": frames(b)}, ctx)["loss"], (a, b))


def test_training_orders_the_frames_of_a_warped_video():
    """Frames are a smooth path plus as much noise drawn for every look: only the path is common to two views."""
    generator = torch.Generator().manual_seed(0)
    rate = torch.linspace(0.5, 3, 6)

    def look(time_s):
        path = torch.cat([torch.sin(time_s[..., None] * rate), torch.cos(time_s[..., None] * rate)], -1)
        return torch.cat([path, 1.5 * torch.randn(*time_s.shape, 24, generator=generator)], -1)

    def tau(encoder):
        first, warped = torch.linspace(0, 4, 60), 4 * torch.linspace(0, 1, 60) ** 1.5
        z = [torch.nn.functional.normalize(encoder(look(t)), dim=-1) for t in (first, warped)]
        return kendalltau(range(60), (z[0] @ z[1].T).argmax(1).numpy()).statistic

    torch.manual_seed(0)
    encoder = torch.nn.Linear(36, 8)
    objective = CARL(projection="none", sigma_s=0.2)
    optimiser = torch.optim.Adam(encoder.parameters(), 1e-2)
    with torch.no_grad():
        before = tau(encoder)
    for _ in range(150):
        time_s = [(torch.rand(4, 20, generator=generator) * 4).sort(1).values for _ in range(2)]
        features = {v: frames(encoder(look(t))) for v, t in zip("ab", time_s, strict=True)}
        optimiser.zero_grad()
        objective(features, context({v: info(t) for v, t in zip("ab", time_s, strict=True)}))["loss"].backward()
        optimiser.step()
    with torch.no_grad():
        assert before < 0.7
        assert tau(encoder) > 0.95


def test_loss_is_full_precision_under_autocast():
    features = {v: frames(smooth(2, 5, 8, seed=i, dtype=torch.float32)) for i, v in enumerate("ab")}
    ctx = context({v: info(torch.linspace(0, 1, 5).expand(2, 5)) for v in "ab"})
    objective = CARL()
    objective.build(dims(features), 2)
    plainly = objective(features, ctx)["loss"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(objective(features, ctx)["loss"], plainly)
    half = {v: frames(x.frame.bfloat16()) for v, x in features.items()}
    assert objective(half, ctx)["loss"].dtype == torch.float32


def test_bad_values_are_named():
    with pytest.raises(ConfigError, match="sigma and temperature"):
        get("carl")(sigma_s=0.0)
    mixed = {"a": frames(torch.zeros(1, 2, 3)), "b": frames(torch.zeros(1, 2, 4))}
    with pytest.raises(ConfigError, match=r"same frame dimension, got \{'a': 3, 'b': 4\}"):
        CARL().build(dims(mixed), 1)
