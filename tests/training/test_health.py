"""Health: closed forms of what is written beside the loss."""

import json
from types import SimpleNamespace

import pytest
import torch

from mvssl.training import pretrain
from mvssl.training.health import collapse, health
from mvssl.types import ViewInfo


def view_of(time_s, mask=None, present=None, offset_s=None):
    time_s = torch.as_tensor(time_s, dtype=torch.float64)
    return ViewInfo(
        time_s=time_s,
        mask=torch.ones_like(time_s, dtype=torch.bool) if mask is None else torch.as_tensor(mask),
        present=torch.ones(len(time_s), dtype=torch.bool) if present is None else torch.as_tensor(present),
        box=torch.zeros(len(time_s), 4),
        params=torch.zeros(len(time_s), 1),
        offset_s=None if offset_s is None else torch.as_tensor(offset_s, dtype=torch.float64),
    )


def module_of(frames, views):
    names = "abc"[: len(frames)]
    rows = {name: torch.as_tensor(frame, dtype=torch.float32) for name, frame in zip(names, frames)}
    return SimpleNamespace(last_frames=rows, last_context=SimpleNamespace(views=dict(zip(names, views))))


def on_circle(angles):
    """(B, T) angles -> rows of any length that point there."""
    angles = torch.as_tensor(angles)
    return 3 * torch.stack([angles.cos(), angles.sin()], -1)


def test_alignment_is_the_squared_chord_between_positives():
    """|x - y|^2 = 2 - 2 cos of the angle between: 0.3, for every frame."""
    time_s = [[0.0, 1.0, 2.0], [5.0, 6.0, 7.0]]
    angles = torch.tensor([[0.0, 0.9, 2.0], [4.0, 5.0, 1.0]])
    found = health(module_of([on_circle(angles), on_circle(angles + 0.3)], [view_of(time_s), view_of(time_s)]))
    assert found["alignment"] == pytest.approx(2 - 2 * torch.cos(torch.tensor(0.3)).item(), abs=1e-5)


def test_positives_are_nearest_in_session_time():
    """The second camera's clock is 100 s ahead, its frames lie between, and it sees twice as long."""
    first = view_of([[0.0, 1.0, 2.0]])
    second = view_of([[99.0, 100.1, 100.4, 101.1, 102.2, 103.0]], offset_s=[-100.0])
    angles = torch.tensor([[0.0, 1.0, 2.0]])
    others = torch.tensor([[3.0, 0.1, 2.5, 1.1, 2.1, 3.0]])  # each frame's nearest is turned by 0.1
    found = health(module_of([on_circle(angles), on_circle(others)], [first, second]))
    assert found["alignment"] == pytest.approx(2 - 2 * torch.cos(torch.tensor(0.1)).item(), abs=1e-5)


def test_frames_without_a_positive_do_not_count():
    """Beyond the other view's span, padded on either side, or of a sample whose second camera is absent."""
    time_s = [[0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 3.0]]
    angles = torch.tensor([[0.0, 1.0, 2.0, 3.0]] * 2)
    others = torch.tensor([[9.0, 1.0, 2.0, 9.0]] * 2)  # only frames 1 and 2 of sample 0 fit
    first = view_of(time_s, mask=[[True] * 4, [True] * 4])
    second = view_of(time_s, mask=[[False, True, True, False], [True] * 4], present=[True, False])
    assert health(module_of([on_circle(angles), on_circle(others)], [first, second]))["alignment"] < 1e-6
    padded = view_of(time_s, mask=[[False, True, True, False], [True] * 4], present=[True, False])
    whole = view_of(time_s)
    assert health(module_of([on_circle(others), on_circle(angles)], [padded, whole]))["alignment"] < 1e-6


@pytest.mark.parametrize("case", ["one view", "no common time", "another width"])
def test_no_alignment_without_positives(case):
    angles = torch.tensor([[0.0, 1.0, 2.0]])
    frames, views = [on_circle(angles)], [view_of([[0.0, 1.0, 2.0]])]
    if case != "one view":
        views.append(view_of([[10.0, 11.0, 12.0]] if case == "no common time" else [[0.0, 1.0, 2.0]]))
        frames.append(on_circle(angles) if case == "no common time" else torch.ones(1, 3, 5))
    found = health(module_of(frames, views))
    assert "alignment" not in found
    assert {"effective_rank", "std", "uniformity", "clock_r2"} <= set(found)


def test_a_collapse_is_seen_and_said():
    spread = health(module_of([torch.eye(8)[None]], [view_of([list(range(8))])]))
    assert spread["effective_rank"] == pytest.approx(7, abs=1e-3)  # 8 corners of a simplex, centred: 7 equal directions
    assert spread["uniformity"] == pytest.approx(-4, abs=1e-4)  # every two are sqrt 2 apart
    assert collapse(spread) == ""
    point = health(module_of([torch.ones(1, 8, 8)], [view_of([list(range(8))])]))
    assert point["std"] == pytest.approx(0, abs=1e-5)
    assert "collapse" in collapse(point)


def test_a_run_writes_it(tiny_config, tmp_path):
    tiny_config["train"]["steps"] = 2
    run = pretrain(tiny_config, tmp_path / "run", progress=False)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert all(0 < line["alignment"] < 4 for line in lines)
