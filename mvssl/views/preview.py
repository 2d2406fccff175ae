"""A picture of what the network will see: views, modalities, times, masks."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mvssl import files
from mvssl.errors import InputError
from mvssl.types import Batch, View
from mvssl.views.inputs import to_input
from mvssl.views.modalities.rgb import RgbModality
from mvssl.views.modalities.sound import SoundModality
from mvssl.views.modality import Modality, Transform
from mvssl.views.parameters import PARAMETERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS_DRAWN = ("brightness", "contrast", "saturation", "hue", "grayscale", "blur_sigma", "solarise")


def preview(
    batch: Batch,
    path: str | Path,
    *,
    modalities: Mapping[str, Modality],
    transform: Transform | None = None,
    videos: Sequence[str] | None = None,
    num_samples: int = 3,
    num_frames: int = 8,
) -> None:
    """Writes a PNG, or an HTML page with everything inside.

    For each sample: a strip with the times of all its views (hollow = padding), then a row for each view: what was drawn
    for it and up to ``num_frames`` of its pictures as the network gets them (two channels in false colours, several
    neighbours one below the other), with their times; padding is crossed out, an absent view says so.

    Args:
        batch: from the loader.
        path: ends in .png or .html.
        modalities: of each view (``dataset.modalities``).
        transform: what the loader used, where it leaves colours to the training device.
        videos: names of the videos, in the order of the index; default: their numbers.
        num_samples, num_frames: how many to show.
    """
    path = Path(path)
    if path.suffix not in (".png", ".html"):
        raise InputError(f"preview: {path} must end in .png or .html")
    names, samples = list(batch.views), range(min(num_samples, len(batch.index)))
    inputs = {name: to_input(view, modalities[name], transform) for name, view in batch.views.items()}
    rows = len(samples) * (len(names) + 1)
    columns = min(num_frames, max(view.time_s.shape[1] for view in batch.views.values()))
    from matplotlib.figure import Figure  # here, so that who draws nothing does not load it

    figure = Figure(figsize=(1.5 * columns + 2.5, 1.75 * rows), layout="constrained")
    grid = figure.add_gridspec(rows, columns + 1, width_ratios=[1.6, *[1] * columns])
    for i, sample in enumerate(samples):
        top = i * (len(names) + 1)
        strip = figure.add_subplot(grid[top, :])
        _draw_times(strip, batch, names, sample, videos)
        for j, name in enumerate(names, top + 1):
            _write_parameters(figure.add_subplot(grid[j, 0]), name, inputs[name], sample, modalities[name])
            shown = np.unique(np.linspace(0, inputs[name].time_s.shape[1] - 1, columns).round().astype(int))
            if inputs[name].pixels.ndim == 3:
                _draw_features(figure.add_subplot(grid[j, 1:]), inputs[name], sample)
                continue
            for column, frame in enumerate(shown, 1):
                _draw_frame(figure.add_subplot(grid[j, column]), inputs[name], sample, int(frame))
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    if path.suffix == ".png":
        with files.whole_file(path) as temporary:
            figure.savefig(temporary, dpi=80)
        return
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=80)
    picture = base64.b64encode(png.getvalue()).decode()
    files.write_text(
        path,
        f'<!doctype html><meta charset="utf-8"><title>What the network sees</title>'
        f'<img alt="Views, their times and their parameters" src="data:image/png;base64,{picture}">\n',
    )


def _draw_times(axes: Axes, batch: Batch, names: list[str], sample: int, videos: Sequence[str] | None) -> None:
    for height, name in enumerate(reversed(names)):
        view = batch.views[name]
        if bool(view.present[sample]):
            time_s, mask = view.time_s[sample].numpy(), view.mask[sample].numpy()
            axes.scatter(time_s[mask], np.full(mask.sum(), height), s=14, color="tab:blue")
            axes.scatter(time_s[~mask], np.full((~mask).sum(), height), s=40, facecolors="none", edgecolors="tab:red")
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.set_xlabel("time in the video, s")
    rows = sorted({int(row) for row in batch.video_id[sample]} - {-1})
    shown = ", ".join(f"video {row}" if videos is None else videos[row] for row in rows) or "not readable"
    label = int(batch.label[sample])
    title = f"sample {int(batch.index[sample])}: {shown}" + (f"; label {label}" if label >= 0 else "")
    axes.set_title(title, loc="left", fontsize=9)


def _write_parameters(axes: Axes, name: str, view: View, sample: int, modality: Modality) -> None:
    """What was drawn and reaches this modality: colours only pictures, crop and flip all that is seen."""
    axes.axis("off")
    if not bool(view.present[sample]):
        axes.text(0, 0.5, f"{name}\nabsent", va="center", fontsize=9)
        return
    values = dict(zip(PARAMETERS, view.params[sample].tolist()))
    box = ", ".join(f"{value:.2f}" for value in view.box[sample].tolist())
    kind = type(modality).__module__.rpartition(".")[2]
    lines = [name if kind in name else f"{name} ({kind})"]
    if not isinstance(modality, SoundModality):
        lines += [f"box {box}", f"flip {values['flip']:.0f}"]
    keys = (*(_COLOURS_DRAWN if isinstance(modality, RgbModality) else ()), "step_s")
    lines += [f"{key} {values[key]:.3g}" for key in keys]
    axes.text(0, 0.5, "\n".join(lines), va="center", fontsize=7)


def _draw_frame(axes: Axes, view: View, sample: int, frame: int) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    if not bool(view.present[sample]):
        axes.axis("off")
        return
    pictures = view.pixels[sample, frame].numpy().transpose(0, 2, 3, 1)  # (K, H, W, C)
    axes.imshow(_colours(np.concatenate(list(pictures))), vmin=0, vmax=1)
    valid = bool(view.mask[sample, frame])
    axes.set_title(f"{float(view.time_s[sample, frame]):.2f} s" if valid else "padding", fontsize=8)
    if not valid:
        axes.plot([0, 1], [0, 1], transform=axes.transAxes, color="tab:red")


def _draw_features(axes: Axes, view: View, sample: int) -> None:
    axes.set_yticks([])
    axes.imshow(view.pixels[sample].numpy().T, aspect="auto", origin="lower", interpolation="nearest")
    axes.set_xlabel("frame", fontsize=8)


def _colours(picture: np.ndarray) -> np.ndarray:
    """(H, W, C) in [0, 1] -> (H, W, 3): gray for one channel, red and blue against green for two."""
    channels = picture.shape[-1]
    if channels == 1:
        return picture.repeat(3, axis=-1)
    if channels == 2:
        return np.stack([picture[..., 0], 1 - picture.mean(-1), picture[..., 1]], axis=-1)
    return picture[..., :3]
