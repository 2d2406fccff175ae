"""Each clip objective on fixed inputs, beside what others make of them. Heads are left out, everything is float64.

A function of the values in ``objectives.json`` (made by other implementations, or by plain NumPy) returns ours and theirs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from mvssl.objectives._divergence import skew_renyi

from .contrast import ABC, loss_of, without_heads
from .objective_batches import clips, unit, wave

AB = {name: ABC[name] for name in ("a", "b")}
Golden = dict[str, float]
Both = tuple[float, float]


def simclr(golden: Golden) -> Both:
    return loss_of(without_heads("simclr", AB), AB).item(), golden["lightly1.6 NTXent t=.1 (a,b)"]


def byol(golden: Golden) -> Both:
    """p = a against z = b, p = c against z = d: online views are a and c, targets (crosswise) d and b."""
    online, target = {"a": ABC["a"], "b": ABC["c"]}, {"a": clips(wave(12, 8, 2.3)), "b": clips(ABC["b"])}
    value = loss_of(without_heads("byol", online), online, target=target)
    return value.item(), golden["BYOL sym 4-2cos-2cos (p=a,z=b;p=c,z=d)"]


def barlow_twins(golden: Golden) -> Both:
    objective = without_heads("barlow_twins", AB, dim=8, redundancy=5e-3)
    return loss_of(objective, AB).item(), golden["lightly1.6 BarlowTwins l=5e-3"]


def twist(golden: Golden) -> Both:
    """The authors add 1e-5 to what they take the logarithm of; ours does not."""
    return loss_of(without_heads("twist", AB), AB).item(), golden["TWIST official final"]


def consistent_assignment(golden: Golden) -> Both:
    """The features are the logits: no prototypes, temperature 1."""
    objective = without_heads("consistent_assignment", AB, balance=1.0, temperature=1.0, num_prototypes=8)
    objective.prototypes = torch.nn.Identity()
    return loss_of(objective, AB).item(), golden["own CARL-CA -log<p,q> + 1*KL(mean||U)"]


def macl(golden: Golden) -> Both:
    """The library adds 1e-8 to 1 - P of every row."""
    return loss_of(without_heads("macl", AB), AB).item(), golden["lightly1.6 MACL t=.1 alpha=.5 A0=0"]


def renyicl(golden: Golden) -> Both:
    """The authors' loss is a surrogate of another value; what is compared is the norm of the gradient."""
    same = torch.eye(12, dtype=torch.bool)
    similarity = (unit(ABC["a"]) @ unit(ABC["b"]).T / 0.5).requires_grad_()
    value = skew_renyi(similarity[same], similarity[~same], gamma=2.0, alpha=1 / 64, bound=2.0)
    (grad,) = torch.autograd.grad(value, similarity)
    return grad.norm().item(), golden["RenyiCL |grad wrt sim| gamma=2.0"]


def ssl_hsic(golden: Golden) -> Both:
    """Two views come twice in ours (online and target): of one online view, its target is the second. 1e-8 under the root."""
    objective = without_heads("ssl_hsic", {"a": ABC["a"]}, gamma=3.0, num_features=0)
    value = loss_of(objective, {"a": ABC["a"]}, target={"a": clips(ABC["b"])})
    return value.item(), golden["own SSL-HSIC -zy+3*sqrt(zz)"]


def moco(golden: Golden) -> Both:
    """No other implementation leaves the own session out of the queue: cross-entropy, written out by row."""
    index = torch.arange(5, 17)
    value = loss_of(filled_moco(), AB, index=index, session_id=index // 2)
    return value.item(), moco_by_row(index, "other_sessions").item()


def supcon(golden: Golden) -> Both:
    value = loss_of(without_heads("supcon", ABC), ABC, label=torch.arange(12))
    return value.item(), golden["pml2.9 SupCon t=.1 3 views [a;b;c] labels arange*3"]


COMPARED: dict[str, Callable[[Golden], Both]] = {
    compared.__name__: compared
    for compared in (simclr, byol, barlow_twins, twist, consistent_assignment, macl, renyicl, ssl_hsic, moco, supcon)
}


def filled_moco(negatives: str = "other_sessions"):
    """MoCo whose queue holds 20 keys: samples 0 to 19, two to a session."""
    objective = without_heads("moco", AB, dim=8, negatives=negatives)
    index = torch.arange(20)
    objective.queue.push(unit(wave(20, 8, 3.0)), index, index // 2, torch.ones(20, dtype=torch.bool))
    return objective


def moco_by_row(index: Tensor, negatives: str) -> Tensor:
    """Own sample ("all") or own session are no negatives."""
    keys, losses = unit(wave(20, 8, 3.0)), []
    for q, k in ((unit(AB["a"]), unit(AB["b"])), (unit(AB["b"]), unit(AB["a"]))):
        for i, number in enumerate(index.tolist()):
            other = [j for j in range(20) if (j != number if negatives == "all" else j // 2 != number // 2)]
            logits = torch.cat([(q[i] @ k[i])[None], keys[other] @ q[i]]) / 0.2
            losses.append(F.cross_entropy(logits[None], torch.tensor([0])))
    return torch.stack(losses).mean()
