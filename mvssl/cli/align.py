"""``mvssl align``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from mvssl.arguments import check_run, check_there
from mvssl.cli._app import Run, app, out
from mvssl.errors import InputError


@app.command()
def align(
    videos: Annotated[list[Path], typer.Argument(help="The reference, then the others; or folders of videos.")],
    run: Run = None,
    output: Annotated[Path, typer.Option("-o", help="Folder of the results.")] = Path("aligned"),
    consensus: Annotated[bool, typer.Option(help="The video that the others match best is the reference.")] = False,
    labels: Annotated[Path | None, typer.Option(help="segments.csv; those of the reference are carried over.")] = None,
    pin: Annotated[
        list[str] | None, typer.Option(help="REF=QUERY seconds of a player that belong together, e.g. 3.2=4.1")
    ] = None,
    method: Annotated[str, typer.Option(help="dtw, or nearest (ignores the order of time).")] = "dtw",
    ends: Annotated[
        str,
        typer.Option(
            help="closed: both videos show the action from the same moment to the same moment. open: one may begin or end "
            "in the midst of the other. auto: open only where the pictures say so clearly."
        ),
    ] = "auto",
    tempo: Annotated[
        float,
        typer.Option(
            help="How much an even tempo is preferred: 1 leans on it where the videos have little in common, 0 never "
            "does, 10 wants good reasons for every bend."
        ),
    ] = 1.0,
    band: Annotated[float | None, typer.Option(help="Largest deviation from even tempo, seconds.")] = None,
    mirror: Annotated[bool, typer.Option("--mirror", help="Try left and right exchanged too.")] = False,
    repetitions: Annotated[
        bool, typer.Option("--repetitions", "--subsequence", help="Every place in long queries; REF is one repetition.")
    ] = False,
    own_speed: Annotated[bool, typer.Option("--own-speed", help="Play each at its own speed, bars linked.")] = False,
    sound: Annotated[bool, typer.Option(help="Keep the sound of the reference.")] = True,
) -> None:
    """Synchronised video, similarity matrices, time map, deviation curve, confidence. Needs no training.

    A folder alone, or --consensus, chooses the reference by itself.

    Example: mvssl align a.mp4 b.mp4 -o aligned
    """
    from mvssl.alignment import Ends

    if method not in ("dtw", "nearest"):
        raise InputError(f"--method {method}: known are dtw and nearest")
    if ends not in get_args(Ends):
        raise InputError(f"--ends {ends}: known are {', '.join(get_args(Ends))}")
    pins = [_pin(text) for text in pin or []]
    check_run(run)
    check_there(*videos)
    check_there(labels, what="label table")
    from mvssl.api import align

    chosen = consensus or videos[0].is_dir()
    found = align(
        None if chosen else videos[0],
        videos if chosen else videos[1:],
        output,
        run=run,
        segments=labels,
        pins=pins,
        method=method,  # type: ignore[arg-type]
        ends=ends,  # type: ignore[arg-type]
        tempo=tempo,
        band_s=band,
        mirror=mirror,
        repetitions=repetitions,
        own_speed=own_speed,
        sound=sound,
    )
    if chosen:
        out.print(f"reference {found.maps[0].reference}")
    for time_map in found.maps:
        covered = f"{time_map.query_time_s[0]:.2f} to {time_map.query_time_s[-1]:.2f} s of its file's clock"
        turned = ", mirrored" if time_map.mirrored else ""
        words = f"{time_map.verdict}; {covered} matched{turned}, mean confidence {time_map.confidence.mean():.2f}"
        line = f"{time_map.from_linear_s:.2f} s from even tempo (one stretched onto the other) on average"
        out.print(f"{time_map.query}: {'; '.join([words, line])}")
        for note in time_map.notes:
            out.print(f"  {note}")
    for error in found.borders:
        words = (
            f"{error.num_borders} phase borders missed by {error.aligned_s:.2f} s on average, by even tempo alone by"
        )
        out.print(f"{error.query}: {words} {error.linear_s:.2f} s")
    out.print(f"watch {found.video}\ntable {found.table}")
    for path in found.labels[:2]:
        out.print(f"labels {path}" if path.name == "segments.csv" else f"tempo {path}")


def _pin(text: str) -> tuple[float, float]:
    reference, _, query = text.partition("=")
    try:
        return float(reference), float(query)
    except ValueError:
        raise InputError(f"--pin {text}: written REF=QUERY in seconds, e.g. 3.2=4.1") from None
