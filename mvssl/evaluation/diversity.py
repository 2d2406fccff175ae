"""Feature diversity: the hyperspherical energy of every layer.

    E_s = mean over i != j of |f_i - f_j|^-s,   s = 0: mean of log(1 / |f_i - f_j|),   f unit vectors

Low energy = spread out over the sphere = diverse; +infinity for two equal vectors. For vectors that point anywhere with
equal chance, s = 0 and large D it is near -log(2) / 2 = -0.35, that of orthogonal ones (Sudhakar and Malviya 2022 follow
it over depth, width and epochs of self-supervised networks; the energy is that of Liu et al. 2018). Mean instead of
their sum: tables of different size compare.
"""

from __future__ import annotations

import numpy as np

from mvssl.errors import InputError
from mvssl.evaluation._checks import checked_embeddings
from mvssl.evaluation._layers import layer_tables
from mvssl.evaluation._result import Result
from mvssl.frames import Frames
from mvssl.labels import Segments

SAME = 1e-6  # nearer unit vectors count as equal: float32 features resolve no less


def hyperspherical_energy(rows: np.ndarray, *, power: float = 0.0) -> tuple[float, int]:
    """Mean energy of the pairs of rows, and how many pairs point the same way.

    Args:
        rows: (N, D), N >= 2; only directions count.
        power: s >= 0.

    Returns:
        The mean over pairs of different direction (NaN if there are none), and the number of the other pairs, whose
        energy is infinite: they are counted, not averaged.

    Raises:
        InputError: fewer than two rows, a row of zeros, a negative power.
    """
    if power < 0:
        raise InputError(f"power must be at least 0, got {power}")
    norms = np.linalg.norm(np.asarray(rows, dtype=np.float64), axis=1, keepdims=True)
    if len(norms) < 2 or not (norms > 0).all():
        least = norms.min(initial=0)
        raise InputError(f"energy needs two or more rows, none of them zero; got {len(norms)} rows, least norm {least}")
    unit = rows / norms
    squared = 2.0 - 2.0 * (unit @ unit.T)[np.triu_indices(len(unit), 1)]
    apart = squared > SAME**2
    squared = squared[apart]
    energies = -0.5 * np.log(squared) if power == 0 else squared ** (-power / 2.0)
    return (float(energies.mean()) if len(energies) else float("nan")), int((~apart).sum())


class Diversity:
    """Energy of the frames of a table at every stored layer, and at the embedding.

    Args:
        power: s.
        num_frames: at most so many frames are drawn (the cost is their square).
        seed: of the draw, and of the control.
    """

    def __init__(self, *, power: float = 0.0, num_frames: int = 2000, seed: int = 0):
        self.power, self.num_frames, self.seed = power, num_frames, seed

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """Value: energy by layer, low = diverse. Controls: random directions in as many dimensions, by layer.

        ``undefined``: pairs of frames that are equal at some layer. Neither labels nor training videos are used.
        """
        generator = np.random.default_rng(self.seed)
        total = sum(len(rows) for rows in checked_embeddings(frames.embeddings, frames.ids))
        chosen = np.sort(generator.choice(total, min(total, self.num_frames), replace=False))
        value, equal, width, random = {}, {}, {}, {}
        for name, table in layer_tables(frames).items():
            rows = np.concatenate(checked_embeddings(table.embeddings, table.ids))[chosen]
            value[name], equal[name] = hyperspherical_energy(rows, power=self.power)
            width[name] = rows.shape[1]
            random[name], _ = hyperspherical_energy(generator.normal(size=rows.shape), power=self.power)
        return Result(
            value=value,
            undefined=sum(equal.values()),
            controls={"random directions": random},
            videos=tuple(frames.ids),
            details={"equal_pairs": equal, "width": width, "num_frames": len(chosen), "undefined": "pairs"},
        )
