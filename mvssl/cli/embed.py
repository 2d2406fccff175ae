"""``mvssl embed``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvssl.arguments import check_run, check_there
from mvssl.cli._app import app, out, tell_aside
from mvssl.errors import InputError


@app.command()
def embed(
    run: Annotated[str, typer.Argument(help="Run, model or hub id; 'zero-shot' for the ImageNet default.")],
    videos: Annotated[str, typer.Argument(help="Folder, table or list of videos.")],
    output: Annotated[Path, typer.Option("-o", help="Folder of the tables.")] = Path("frames"),
    modality: Annotated[
        str | None, typer.Option(help="Which encoder, where the run has several. Default: that of rgb.")
    ] = None,
    shard: Annotated[str, typer.Option(help="i/n: every n-th video from the i-th (0-based) on.")] = "0/1",
    skip_bad: Annotated[
        bool | None, typer.Option(help="Set unreadable videos aside and list them. Default: of a folder, yes.")
    ] = None,
    layer: Annotated[list[str] | None, typer.Option(help="Inner layer to store too; may be repeated.")] = None,
    cut_seed: Annotated[
        int | None, typer.Option(help="Embed cut and warped versions with known source times instead, drawn from this.")
    ] = None,
    warp: Annotated[
        list[str] | None, typer.Option(help="With --cut-seed: none, pause, speed, repeat, remove. Default: each.")
    ] = None,
) -> None:
    """One row per frame, with its time. Finished videos are not done again.

    Example: mvssl embed run VIDEOS -o frames
    """
    from mvssl.evaluation.warp import WARPS

    part, _, whole = shard.partition("/")
    if not (part.isdigit() and whole.isdigit() and int(part) < int(whole)):
        raise InputError(f"--shard {shard}: written i/n with 0 <= i < n, e.g. 0/4")
    if warp and cut_seed is None:
        raise InputError("--warp needs --cut-seed, e.g. --cut-seed 0")
    if unknown := sorted(set(warp or ()) - set(WARPS)):
        raise InputError(f"--warp {unknown[0]}: known are {', '.join(WARPS)}")
    model = None if run == "zero-shot" else run
    check_run(model)
    check_there(videos)
    from mvssl.api import embed

    bad: list[InputError] = []
    frames = embed(
        model,
        videos,
        output,
        modality=modality,
        shard=(int(part), int(whole)),
        skip_bad=skip_bad,
        bad=bad,
        layers=tuple(layer or ()),
        cut_seed=cut_seed,
        warps=[known for known in WARPS if not warp or known in warp],
    )
    tell_aside(bad)
    out.print(f"{len(frames)} videos, {sum(len(v.frame) for v in frames)} frames: {output}")
