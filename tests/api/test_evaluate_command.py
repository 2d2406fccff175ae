"""``evaluate``: every row is there, has its numbers or says why not, and the table is what results.json holds."""

import json

import numpy as np
import pytest
import torch

from mvssl.api import embed, evaluate
from mvssl.api._rows import build_rows
from mvssl.embedding import Model
from mvssl.errors import InputError
from mvssl.evaluation import WarpError, suite
from mvssl.evaluation.warp import WARPS
from mvssl.video import read_videos, write_video

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
    names = ["majority", "time only", "random encoder", "ImageNet", "ImageNet, centred", "own backbone"]
    names += ["own backbone, centred", "before training", "this run"]
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


def test_every_evaluator_on_what_the_data_allows_and_nothing_twice(dataset, tmp_path, monkeypatch):
    torch.manual_seed(0)
    model = Model(encoder=FRAME, recipe={"size": 32}).eval()
    monkeypatch.setattr(suite, "SHOTS", (1,))
    found = evaluate(model, dataset, tmp_path, everything=True, progress=False)
    row = found.rows["this run"]
    names = {name.partition("/")[0] for name in row}
    assert names >= {"label_efficiency", "label_efficiency_few_shot", "segmentation", "key_moments", "diagnostics"}
    assert names >= {"phase_classification_svm", "guillotine", "diversity", "warp_error"}
    assert {"guillotine/backbone", "guillotine/transformer", "guillotine/embedding"} <= set(row)
    assert {path.name for path in found.plots} == {"similarity.png", "tau.png", "confusion.png", "layers.png"}
    assert (tmp_path / "tables" / "warp_error.tex").read_text().startswith(r"\begin{tabular}")
    stored = json.loads(found.results.read_text())
    assert "tau-b = " in stored["definitions"]["kendall_tau"]
    assert stored["definitions"]["phase_classification_svm"] == stored["definitions"]["phase_classification"]

    def never(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(suite.KendallTau, "evaluate", never)
    monkeypatch.setattr(WarpError, "evaluate", never)
    again = evaluate(model, dataset, tmp_path, everything=True, progress=False)
    assert json.loads(again.results.read_text())["rows"] == stored["rows"]
    assert found.table.read_text() == again.table.read_text()


def rows_of(model, dataset, folder, image_weights="none"):
    return build_rows(
        model, read_videos(dataset), folder, shared=folder, supervised=None, image_weights=image_weights, progress=False
    )


def test_cuts_are_those_that_embed_writes(dataset, tmp_path):
    """Cut versions equal those that are decoded and embedded afresh."""
    torch.manual_seed(0)
    model = Model(encoder=FRAME, recipe={"size": 32}).eval()
    quick = rows_of(model, dataset, tmp_path / "frames")["this run"].cuts(7)
    afresh = embed(model, dataset, tmp_path / "cuts", cut_seed=7, progress=False).where(split="val")
    afresh = [video for video in afresh if video.video.endswith("#none")]
    assert quick.ids == [video.video for video in afresh]
    for one, other in zip(quick, afresh, strict=True):
        np.testing.assert_allclose(one.extra["source_time_s"], other.extra["source_time_s"], atol=1e-6)
        np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-5)


@pytest.mark.parametrize("normalise", [True, False])
def test_every_row_is_scaled_as_the_run_is(dataset, tmp_path, normalise):
    """A control of raw features beside a run of unit vectors is handicapped."""
    torch.manual_seed(0)
    spec = {**FRAME, "stage": 1, "pooling": "grid", "grid": 2, "add_last": True}
    model = Model(encoder=spec, recipe={"size": 32}, normalise=normalise).eval()
    rows = rows_of(model, dataset, tmp_path)
    assert rows["own backbone, centred, projected"].table()[0].embedding.shape[1] == model.encoder.dims.frame
    for name, row in rows.items():
        if isinstance(row, str) or name == "time only":
            continue
        for table in (row.table(), row.cuts(0), row.copies(0)):
            for video in table:
                length = np.linalg.norm(video.embedding, axis=1)
                assert np.allclose(length, 1, atol=1e-5) == normalise, f"{name}: {video.video}"


def test_the_row_before_training_is_an_untrained_network_behind_the_own_backbone(dataset, tmp_path):
    torch.manual_seed(5)
    model = Model(encoder=FRAME, recipe={"size": 32}).eval()
    before = rows_of(model, dataset, tmp_path)["before training"].encoder
    own = dict(model.encoder.named_parameters())
    for name, parameter in before.named_parameters():
        if name.startswith("backbone"):
            assert torch.equal(parameter, own[name]), name
        elif parameter.dim() > 1:
            assert not torch.equal(parameter, own[name]), f"{name} is that of the run"


def test_own_maps_are_scaled_each_by_itself_before_the_mean_goes(dataset, tmp_path):
    torch.manual_seed(0)
    spec = {**FRAME, "stage": 1, "pooling": "grid", "grid": 2, "add_last": True}
    model = Model(encoder=spec, recipe={"size": 32}).eval()
    rows = rows_of(model, dataset, tmp_path)
    middle, last = model.encoder.backbone.map_dims
    raw = rows["own backbone"].backbone.plain[0].embedding.astype(np.float64)
    assert raw.shape[1] == middle + last
    parts = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in np.split(raw, [middle], axis=1)]
    centred = np.concatenate(parts, axis=1)
    centred -= centred.mean(0)
    expected = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    np.testing.assert_allclose(rows["own backbone, centred"].table()[0].embedding, expected, atol=1e-4)


def test_copies_show_other_pictures_than_their_sources(dataset, tmp_path):
    """Copies that share pictures with their source are found by any backbone without an error."""
    torch.manual_seed(0)
    model = Model(encoder=FRAME, recipe={"size": 32}).eval()
    row = rows_of(model, dataset, tmp_path)["own backbone"]
    for part in (row.copies(0), row.copies(1)):
        assert len(part) == 2 * 2 * len(WARPS)  # two validation videos
        for copy in part:
            if copy.video.endswith("#plain"):
                continue
            plain = part[f"{copy.video}#plain"]
            assert (copy.session, copy.group) == (plain.session, plain.group)
            distance = np.linalg.norm(copy.embedding[:, None] - plain.embedding[None], axis=-1)
            assert distance.min() > 1e-3
    same = [v.extra["source_time_s"] for v in row.copies(0) if "#plain" not in v.video]
    other = [v.extra["source_time_s"] for v in row.copies(1) if "#plain" not in v.video]
    assert any(a.shape != b.shape or (a != b).any() for a, b in zip(same, other, strict=True))
    cuts = row.cuts(0)
    own = row.table()
    assert np.isin(cuts[0].embedding, own[cuts[0].video.split("#")[0]].embedding).all()  # what made the floor


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("videos.csv", "take1", "take0", "leaky split: session 'take0' is in both training and validation"),
        ("segments.csv", "videos/2.mp4,0,", "videos/9.mp4,0,", "labels for 'videos/9.mp4', which is not among the 6"),
        ("segments.csv", ",2,bright", ",7,bright", "label 'bright' from .* lies outside the video, which ends at 2.0"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_before_anything_is_decoded(dataset, tmp_path, file, old, new, words):
    for name in ("videos.csv", "segments.csv"):
        (tmp_path / name).write_text((dataset / name).read_text())
    (tmp_path / "videos").symlink_to(dataset / "videos")
    (tmp_path / file).write_text((tmp_path / file).read_text().replace(old, new))
    model = Model(encoder={"name": "image", "backbone": "test_resnet", "weights": "none"}, recipe={"size": 32}).eval()
    with pytest.raises(InputError, match=words):
        evaluate(model, tmp_path, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
