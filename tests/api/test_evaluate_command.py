"""``evaluate``: every row is there, has its numbers or says why not, and the table is what results.json holds."""

import json

import numpy as np
import pytest
import torch

from mvssl.api import evaluate
from mvssl.embedding import Model
from mvssl.video import write_video

FRAME = {
    "name": "frame",
    "backbone": "test_resnet",
    "mlp": [16],
    "dim": 32,
    "num_heads": 4,
    "hidden": 32,
    "num_layers": 1,
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Dark first, bright afterwards; the change comes at another moment in every video."""
    root = tmp_path_factory.mktemp("dataset")
    (root / "videos").mkdir()
    rng = np.random.default_rng(0)
    table, segments = ["video,split,action,session"], ["video,start_s,end_s,label"]
    for number in range(6):
        change = 4 + 2 * number
        level = np.where(np.arange(20) < change, 40, 200)[:, None, None, None]
        frames = (level + rng.integers(-20, 20, (20, 32, 32, 3))).astype(np.uint8)
        write_video(root / "videos" / f"{number}.mp4", frames, fps=10)
        table.append(f"videos/{number}.mp4,{'val' if number in (1, 4) else 'train'},blink,take{number}")
        segments += [f"videos/{number}.mp4,0,{change / 10},dark", f"videos/{number}.mp4,{change / 10},2,bright"]
    (root / "videos.csv").write_text("\n".join(table) + "\n")
    (root / "segments.csv").write_text("\n".join(segments) + "\n")
    return root


def test_every_row_has_its_numbers_or_says_why_not(dataset, tmp_path):
    torch.manual_seed(0)
    model = Model(encoder=FRAME, recipe={"size": 32}).eval()
    found = evaluate(model, dataset, tmp_path, supervised=model, progress=False)
    names = ["majority", "time only", "random encoder", "ImageNet", "ImageNet, centred", "before training", "this run"]
    assert list(found.rows) == [*names, "supervised reference"]
    assert found.rows["ImageNet"] == found.rows["ImageNet, centred"] == "no weights here"
    for name, row in found.rows.items():
        if not isinstance(row, str):
            assert {"phase_classification/recall", "phase_classification/accuracy"} <= set(row), name
    # val: dark 6 + 12, bright 14 + 8 of 40 frames; train: dark 4 + 8 + 10 + 14 = 36 of 80, so bright is the majority
    assert found.rows["majority"]["phase_classification/accuracy"] == pytest.approx(22 / 40)
    assert found.rows["this run"] == found.rows["supervised reference"]
    stored = json.loads(found.results.read_text())
    for name, row in found.rows.items():
        if not isinstance(row, str):
            value = stored["rows"][name]["phase_classification"]["value"]
            assert value["accuracy"] == row["phase_classification/accuracy"], name
    assert stored["rows"]["ImageNet"] == "no weights here"
    assert "| this run |" in found.table.read_text()


def test_the_same_dataset_gives_the_same_numbers_again(dataset, tmp_path):
    torch.manual_seed(0)
    model = Model(encoder={"name": "image", "backbone": "test_resnet", "weights": "none"}, recipe={"size": 32}).eval()
    first = evaluate(model, dataset, tmp_path / "a", progress=False)
    second = evaluate(model, dataset, tmp_path / "b", tables=tmp_path / "a" / "frames", progress=False)
    assert first.rows == second.rows
    assert "before training" not in first.rows  # nothing of an image encoder is trained
