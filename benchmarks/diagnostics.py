"""What happens to the layers of an encoder in training: feature diversity and a phase probe, layer by layer, step by step.

    python benchmarks/diagnostics.py [--quick] [--videos FOLDER] [--work FOLDER] [-o FOLDER] [--only-plots]

Three recipes on the demo videos (frozen ImageNet backbone, cached features): ``default`` (CARL on frames) with its 300
steps, ``simclr`` and ``barlow_twins`` (on whole clips) with 200 of their 600. Every 50 steps a checkpoint; of each, the
evaluators ``diversity`` and ``guillotine`` on the first camera of the validation videos (the probe is fitted on that of the
training videos). Writes ``diagnostics.json``, ``layers.png`` (before and after) and ``steps.png`` (over the steps) into the
output. Videos, cache and runs that are there already are not made again; ``--only-plots`` draws what
``diagnostics.json`` holds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from mvssl import config
from mvssl.api import load, pretrain
from mvssl.embedding import embed_folder, project
from mvssl.encoders import BackboneEncoder, Encoder, fingerprint
from mvssl.evaluation import Result
from mvssl.evaluation.diversity import Diversity
from mvssl.evaluation.guillotine import Guillotine
from mvssl.frames import Frames
from mvssl.labels import read_segments
from mvssl.reporting.layers import runs_figure, steps_figure
from mvssl.sampling import sessions
from mvssl.synthetic import make_videos
from mvssl.training.experiment import Experiment, build_module, select
from mvssl.video import read_videos

RUNS = {"CARL (default)": ("default", 300), "SimCLR": ("simclr", 200), "Barlow Twins": ("barlow_twins", 200)}
EVERY = 50  # steps between checkpoints
EVALUATORS = {"diversity": Diversity(), "guillotine": Guillotine()}
ENCODER = "encoders.all."  # its weights in a checkpoint
History = dict[str, dict[int, dict[str, Result]]]


def trained(name: str, steps: int, videos: Path, work: Path, overrides: list[str]) -> Path:
    """The run of a recipe, with all of its checkpoints."""
    run = work / "runs" / name
    if not (run / "summary.json").exists():
        kept = [f"train.steps={steps}", f"train.checkpoint_every={EVERY}", f"train.keep_checkpoints={steps // EVERY}"]
        pretrain(name, [f"data.root={videos}", f"cache.folder={work / 'cache'}", *kept, *overrides], output=run)
    return run


def encoders(run: Path, videos: Path) -> dict[int, Encoder]:
    """The encoder of every checkpoint, and the untrained one of the run's seed as step 0."""
    experiment = Experiment.from_values(config.load(run / "config.yaml"), str(run / "config.yaml"))
    chosen = select(read_videos(videos), experiment.data.split, videos)
    torch.manual_seed(experiment.train.seed)
    before = build_module(experiment, sessions(chosen, by=experiment.data.sample), chosen).encoders["all"]
    assert isinstance(before, Encoder)
    found = {0: before}
    for path in sorted((run / "checkpoints").glob("step-*")):
        encoder = load(run).encoder
        weights = load_file(path / "module.safetensors")
        encoder.load_state_dict({k.removeprefix(ENCODER): v for k, v in weights.items() if k.startswith(ENCODER)})
        found[int(path.name.removeprefix("step-"))] = encoder
    return found


def measured(run: Path, videos: Path, work: Path) -> dict[int, dict[str, Result]]:
    """Both evaluators at every checkpoint. The backbone is frozen: its layer is measured once."""
    recipe, segments = load(run).recipe, read_segments(videos / "segments.csv")
    steps = encoders(run, videos)
    image = BackboneEncoder(steps[0].backbone, chunk=steps[0].chunk)
    shown = [video for video in read_videos(videos) if video.camera == "cam0"]
    frames, _ = embed_folder(image, shown, work / "frames" / fingerprint(steps[0].backbone), recipe=recipe)
    names = tuple(steps[0].dims.maps)
    found: dict[int, dict[str, Result]] = {}
    for step, encoder in steps.items():
        table = project(encoder, frames, recipe=recipe, layers=names if step == 0 else names[1:])
        found[step] = {name: _evaluated(name, table, segments, found.get(0)) for name in EVALUATORS}
        print(run.name, step, {name: result.value for name, result in found[step].items()}, flush=True)
    return found


def _evaluated(name: str, table: Frames, segments: Any, first: dict[str, Result] | None) -> Result:
    result = EVALUATORS[name].evaluate(table.where(split="val"), segments, table.where(split="train"))
    result = replace(result, per_video=None, videos=())
    if first is None:
        return result
    before = first[name]
    backbone = next(iter(before.value))
    details = {**result.details, "width": {backbone: before.details["width"][backbone], **result.details["width"]}}
    interval = result.interval and {backbone: before.interval[backbone], **result.interval}
    controls = {
        key: {backbone: before.controls[key][backbone], **value} if isinstance(value, dict) else value
        for key, value in result.controls.items()
    }
    value = {backbone: before.value[backbone], **result.value}
    return replace(result, value=value, details=details, interval=interval, controls=controls)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, help="demo videos; default: made in the work folder")
    parser.add_argument("--work", type=Path, help="folder of videos, cache and runs; default: a temporary one")
    parser.add_argument(
        "-o", "--output", type=Path, help="folder of the numbers and pictures; default: the work folder"
    )
    parser.add_argument("--quick", action="store_true", help="few small videos, an untrained backbone")
    parser.add_argument("--only-plots", action="store_true", help="draw the numbers that are in the output")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        output = arguments.output or work
        output.mkdir(parents=True, exist_ok=True)
        if not arguments.only_plots:
            history = measure(arguments.videos or work / "videos", work, quick=arguments.quick)
            write(output / "diagnostics.json", history)
        draw(output)


def measure(videos: Path, work: Path, *, quick: bool) -> History:
    overrides = ["encoder.add_last=false", "encoder.members=1"]  # layers of one network are shown
    if quick:
        overrides += ["encoder.backbone=test_resnet", "encoder.weights=none", "encoder.stage=null", "views.size=32"]
        overrides += ["embed.size=32", "encoder.pooling=mean", "batch.size=4"]
    if not (videos / "segments.csv").exists():
        make_videos(videos, quick=quick, **({"num_sessions": 3, "fps": 12} if quick else {}))
    found: History = {}
    for title, (name, steps) in RUNS.items():
        run = trained(name, steps, videos, work, overrides)
        found[title] = measured(run, videos, work)
    return found


def write(path: Path, history: History) -> None:
    plain = {
        title: {str(step): {name: result.to_dict() for name, result in found.items()} for step, found in steps.items()}
        for title, steps in history.items()
    }
    path.write_text(json.dumps(plain, indent=1) + "\n")


def draw(output: Path) -> None:
    """Both pictures, of the numbers in the file."""
    stored = json.loads((output / "diagnostics.json").read_text())
    history = {
        title: {
            int(step): {name: Result.from_dict(result) for name, result in found.items()}
            for step, found in steps.items()
        }
        for title, steps in stored.items()
    }
    runs_figure(history).savefig(output / "layers.png")
    steps_figure(history).savefig(output / "steps.png")


if __name__ == "__main__":
    main()
