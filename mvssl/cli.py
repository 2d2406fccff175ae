"""The commands as words in the shell: each a thin face of the function of the same name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mvssl.errors import InputError

app = typer.Typer(
    help="From a folder of videos to frame-wise representations: pretrain, align, search, evaluate.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
out = Console()
Run = Annotated[str | None, typer.Option(help="Run folder, model folder or hub id. Without it: zero-shot ImageNet.")]


@app.command()
def scan(
    videos: Annotated[str, typer.Argument(help="Folder, table or list of videos.")],
    output: Annotated[Path | None, typer.Option("-o", help="Parquet index of the readable videos.")] = None,
) -> None:
    """What is there, what is broken. No labels needed.

    Example: mvssl scan VIDEOS -o videos.parquet
    """
    from mvssl.api import scan

    report = scan(videos, output)
    seconds = sum(video.duration_s for video in report.videos)
    out.print(f"{len(report.videos)} readable videos, {seconds:.1f} s")
    for problem in report.problems:
        out.print(f"  {problem.kind}: {problem.message}", highlight=False, soft_wrap=True)
    if output:
        out.print(f"index: {output}")


@app.command()
def pretrain(
    config: Annotated[str, typer.Argument(help="YAML file, or the name of a shipped one (carl).")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, e.g. data.root=VIDEOS")] = None,
    output: Annotated[
        Path, typer.Option("-o", help="Folder of the run; the same folder goes on where it stopped.")
    ] = Path("run"),
    show: Annotated[bool, typer.Option("--print", help="Show the resolved configuration and stop.")] = False,
    num_processes: Annotated[int, typer.Option(min=1, help="Processes on this machine (accelerate launch).")] = 1,
) -> None:
    """Train an encoder on a folder of videos. Resumable; one process or many.

    Example: mvssl pretrain carl data.root=VIDEOS -o run
    """
    from mvssl import config as configuration
    from mvssl.api import pretrain
    from mvssl.training import Experiment

    if show:
        path = configuration.find(config, "pretrain")
        experiment = Experiment.from_values(configuration.load(path, overrides or []), str(path))
        typer.echo(configuration.dump(experiment.model_dump(mode="json")), nl=False)
        return
    if num_processes > 1:
        raise typer.Exit(_launch(num_processes, ["pretrain", config, *(overrides or []), "-o", str(output)]))
    run = pretrain(config, overrides or [], output=output)
    out.print(f"run: {run}")


@app.command()
def preview(
    config: Annotated[str, typer.Argument(help="YAML file, or the name of a shipped one (carl).")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, e.g. data.root=VIDEOS")] = None,
    output: Annotated[Path, typer.Option("-o", help="Picture (.png) or page (.html).")] = Path("preview.png"),
) -> None:
    """What the network will see: views, modalities, times, masks.

    Example: mvssl preview carl data.root=VIDEOS -o preview.png
    """
    from mvssl.api import preview

    out.print(f"look at {preview(config, overrides or [], output)}")


def _launch(num_processes: int, arguments: list[str]) -> int:
    """The same command in several processes, by accelerate's own launcher."""
    import subprocess

    flags = ["--num_processes", str(num_processes), "--multi_gpu" if _cuda() else "--cpu", "-m", "mvssl"]
    return subprocess.run([sys.executable, "-m", "accelerate.commands.launch", *flags, *arguments]).returncode


def _cuda() -> bool:
    import torch

    return torch.cuda.is_available()


@app.command()
def embed(
    run: Annotated[str, typer.Argument(help="Run, model or hub id; 'zero-shot' for the ImageNet default.")],
    videos: Annotated[str, typer.Argument(help="Folder, table or list of videos.")],
    output: Annotated[Path, typer.Option("-o", help="Folder of the tables.")] = Path("frames"),
    shard: Annotated[str, typer.Option(help="i/n: every n-th video from the i-th (0-based) on.")] = "0/1",
    skip_bad: Annotated[bool, typer.Option(help="Set unreadable videos aside and list them.")] = False,
) -> None:
    """One row per frame, with its time. Finished videos are not done again.

    Example: mvssl embed run VIDEOS -o frames
    """
    from mvssl.api import embed

    part, _, whole = shard.partition("/")
    if not (part.isdigit() and whole.isdigit() and int(part) < int(whole)):
        raise InputError(f"--shard {shard}: written i/n with 0 <= i < n, e.g. 0/4")
    frames = embed(
        None if run == "zero-shot" else run, videos, output, shard=(int(part), int(whole)), skip_bad=skip_bad
    )
    out.print(f"{len(frames)} videos, {sum(len(v.frame) for v in frames)} frames: {output}")


@app.command()
def align(
    reference: Annotated[Path, typer.Argument(help="The video whose time the others are brought to.")],
    queries: Annotated[list[Path], typer.Argument(help="Videos, or folders of them.")],
    run: Run = None,
    output: Annotated[Path, typer.Option("-o", help="Folder of the results.")] = Path("aligned"),
    pin: Annotated[list[str] | None, typer.Option(help="REF=QUERY seconds that belong together, e.g. 3.2=4.1")] = None,
) -> None:
    """Synchronised video, similarity matrices, time map, confidence. Needs no training.

    Example: mvssl align a.mp4 b.mp4 -o aligned
    """
    from mvssl.api import align

    found = align(reference, queries, output, run=run, pins=[_pin(text) for text in pin or []])
    for time_map in found.maps:
        covered = f"{time_map.query_time_s[0]:.2f} to {time_map.query_time_s[-1]:.2f} s"
        words = f"{time_map.verdict}; {covered} matched, mean confidence {time_map.confidence.mean():.2f}"
        out.print(f"{time_map.query}: {words}", soft_wrap=True, highlight=False)
    out.print(f"watch {found.video}\ntable {found.table}")


def _pin(text: str) -> tuple[float, float]:
    reference, _, query = text.partition("=")
    try:
        return float(reference), float(query)
    except ValueError:
        raise InputError(f"--pin {text}: written REF=QUERY in seconds, e.g. 3.2=4.1") from None


@app.command()
def sync(
    cameras: Annotated[list[Path], typer.Argument(help="Recordings of one take; the first is the reference.")],
    run: Run = None,
    output: Annotated[Path, typer.Option("-o", help="CSV of the offsets.")] = Path("offsets.csv"),
    max_offset: Annotated[float, typer.Option(help="Largest offset tried, seconds.")] = 10.0,
) -> None:
    """Offset and drift between the cameras of one take: time of the first = offset + rate * time of the camera.

    Example: mvssl sync cam0.mp4 cam1.mp4 -o offsets.csv
    """
    from mvssl.api import sync

    for found in sync(cameras, output, run=run, max_offset_s=max_offset):
        words = f"{found.offset_s:+.3f} s, rate {found.rate:.4f}, confidence {found.confidence:.2f} ({found.method})"
        out.print(f"{found.camera}: {words}", soft_wrap=True, highlight=False)
    out.print(f"table {output}")


@app.command()
def search(
    frames: Annotated[str, typer.Argument(help="Folder of tables (mvssl embed), or of videos.")],
    moment: Annotated[str, typer.Argument(help="CLIP.mp4@12.4s, CLIP.mp4@f372 or CLIP.mp4@3s-5s")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many places.")] = 20,
    run: Run = None,
    output: Annotated[Path, typer.Option("-o", help="Folder of the results.")] = Path("found"),
) -> None:
    """The same moment in the other videos: contact sheet and table.

    Example: mvssl search frames CLIP.mp4@12.4s -k 20 -o found
    """
    from mvssl.api import search

    found = search(frames, moment, output, k=k, run=run)
    table = Table("rank", "video", "time (s)", "frame", "distance")
    for match in found.matches:
        table.add_row(str(match.rank), match.video, f"{match.time_s:.3f}", str(match.frame), f"{match.distance:.3f}")
    out.print(table)
    out.print(f"look at {found.sheet} or {found.page}\ntable {found.table}")


@app.command()
def evaluate(
    run: Annotated[str, typer.Argument(help="Run, model or hub id.")],
    dataset: Annotated[str, typer.Argument(help="Folder with videos, videos.csv (with splits) and segments.csv.")],
    output: Annotated[Path, typer.Option("-o", help="Folder of the results.")] = Path("evaluation"),
    supervised: Annotated[str | None, typer.Option(help="Run trained with the labels, for its row.")] = None,
    image_weights: Annotated[
        str, typer.Option(help="ImageNet weights of the controls: package or a file.")
    ] = "package",
    by_action: Annotated[bool, typer.Option(help="Phases within each action (the videos' label).")] = False,
) -> None:
    """Tables of metrics, each number beside its controls.

    Example: mvssl evaluate run DATASET -o evaluation
    """
    from mvssl.api import evaluate

    found = evaluate(run, dataset, output, supervised=supervised, image_weights=image_weights, by_action=by_action)
    typer.echo(found.table.read_text())
    out.print(f"results {found.results}")


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="Folder or file of results (mvssl evaluate).")],
    second: Annotated[Path, typer.Argument(help="Another, measured on the same data.")],
    row: Annotated[str, typer.Option(help="The row to compare.")] = "this run",
) -> None:
    """Two evaluations of the same data, paired video by video.

    Example: mvssl compare evaluation-a evaluation-b
    """
    import numpy as np

    from mvssl.evaluation.results_file import compare_results

    table = Table("metric", "first", "second", "difference", "95 %", "p")
    for name, found in compare_results(first, second, row, generator=np.random.default_rng(0)).items():
        low, high = found["interval"]
        numbers = [f"{found[key]:.3f}" for key in ("first", "second", "difference")]
        table.add_row(name, *numbers, f"{low:.3f} to {high:.3f}", f"{found['p_value']:.3f}")
    out.print(table)


@app.command()
def doctor() -> None:
    """What works on this machine, what does not, what to do. Exit code 1 if something is a problem.

    Example: mvssl doctor
    """
    from mvssl.api import doctor

    colours = {"ok": "green", "missing": "yellow", "problem": "red"}
    findings = doctor()
    for found in findings:
        state = f"[{colours[found.state]}]{found.state:8}[/]"
        out.print(f"{state} {found.what}: {found.detail}", soft_wrap=True, highlight=False)
    if any(found.state == "problem" for found in findings):
        raise typer.Exit(1)


@app.command()
def demo(
    output: Annotated[Path, typer.Option("-o", help="Folder of everything the demo makes.")] = Path("demo"),
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer, smaller videos and fewer steps; may not beat every control.")
    ] = False,
    only_videos: Annotated[bool, typer.Option("--only-videos", help="Make the demo videos and stop.")] = False,
) -> None:
    """All of it, on videos that it makes itself; ends with the path of one HTML report.

    Example: mvssl demo -o demo --quick
    """
    from mvssl.api import demo

    out.print(f"{'videos' if only_videos else 'report'}: {demo(output, quick=quick, only_videos=only_videos)}")


def main() -> None:
    """Runs a command; what the user can mend is one line on standard error and exit code 2."""
    try:
        app()
    except InputError as error:
        typer.echo(f"mvssl: {' '.join(str(error).split())}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
