from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torchmetrics.functional.retrieval import retrieval_precision, retrieval_recall

from mvssl.errors import InputError
from mvssl.evaluation import FrameRetrieval, frame_precision, frame_retrieval
from mvssl.frames import Frames


def plain(videos, labels, size, groups):
    """Precision, mAP and recall, frame by frame, with torchmetrics where it has the measure."""
    means = []
    for i, (rows, own) in enumerate(zip(videos, labels)):
        others = [j for j in range(len(videos)) if groups[j] != groups[i]]
        gallery = np.concatenate([videos[j] for j in others])
        names = np.concatenate([labels[j] for j in others])
        scores = []
        for row, label in zip(rows, own):
            if label < 0:
                continue
            score = torch.from_numpy(1 / (1 + ((gallery - row) ** 2).sum(1)))[names >= 0]
            target = torch.from_numpy(names[names >= 0] == label)
            hits = target[torch.argsort(score, descending=True, stable=True)][:size].numpy()
            average = sum(hits[: k + 1].mean() * hits[k] for k in range(size)) / max(hits.sum(), 1)
            precision = retrieval_precision(score, target, top_k=size)
            recall = retrieval_recall(score, target, top_k=size)
            scores.append([float(precision), average, float(recall)])
        means.append(np.mean(scores, axis=0))
    return np.array(means)


def test_equals_torchmetrics(rng):
    videos = [rng.normal(size=(n, 4)) for n in (12, 9, 15, 11)]
    labels = [rng.integers(-1, 3, len(v)) for v in videos]
    groups = ["x", "y", "x", "z"]
    result = frame_retrieval(videos, labels, k=(3, 8), groups=groups)
    for size in (3, 8):
        expected = plain(videos, labels, size, groups)
        for column, name in enumerate(("precision", "map", "recall")):
            np.testing.assert_allclose(result.per_video[f"{name}@{size}"], expected[:, column], atol=1e-6)
            assert result.value[f"{name}@{size}"] == pytest.approx(expected[:, column].mean(), abs=1e-6)


@pytest.mark.real_data
@pytest.mark.parametrize("stride", [1, 2])
def test_precision_equals_the_published_code(goldens_root, stride):
    def rows(n, s):
        i, j = np.meshgrid(np.arange(n), np.arange(8), indexing="ij")
        x = np.sin(0.7 * i + 1.3 * j + 0.11 * i * j + s)
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    golden = json.loads((goldens_root / "core.json").read_text())
    videos = [rows(12, 0), rows(9, 0.4), rows(15, 1.1)]
    labels = [np.arange(len(v)) * 3 // len(v) for v in videos]
    result = frame_precision(videos, labels, k=(5, 10), stride=stride)
    for size in (5, 10):
        entry = golden[f"precision@{size}, stride {stride}"]
        assert result.value[size] == pytest.approx(entry["value"], abs=1e-9)
        np.testing.assert_allclose(result.per_video[size], entry["per_query_video"], atol=1e-9)


def test_perfect_and_useless_embeddings():
    labels = [np.repeat([0, 1], 20) for _ in range(4)]
    perfect = frame_retrieval([row[:, None].astype(float) for row in labels], labels)
    assert all(perfect.value[f"recall@{k}"] == pytest.approx(k / 60) for k in (5, 10, 15))
    assert all(perfect.value[f"{name}@{k}"] == 1.0 for name in ("precision", "map") for k in (5, 10, 15))
    wrong = [np.where(np.arange(4)[i] % 2, 1 - row, row)[:, None].astype(float) for i, row in enumerate(labels)]
    paired = frame_precision(wrong[:2], labels[:2], k=(5,))
    assert paired.value == {5: 0.0}
    assert paired.controls["chance"][5] == 0.5


def test_the_own_video_and_its_group_are_never_found(rng):
    """Frames of a video are identical, so with the own video allowed every neighbour would be right."""
    videos = [np.full((10, 2), float(i)) for i in range(4)]
    labels = [np.full(10, i % 2) for i in range(4)]
    assert frame_precision(videos, labels, k=(5,)).value == {5: 0.0}
    grouped = frame_precision(videos, labels, k=(5,), groups=[0, 1, 1, 0])  # the neighbours 1 away are now left out
    np.testing.assert_array_equal(grouped.per_video[5], [0.0, 0.0, 0.0, 0.0])
    assert frame_precision(videos, labels, k=(5,), groups=[0, 1, 2, 1]).per_video[5][1] == 0.0
    far = frame_precision(videos, labels, k=(5,), groups=["a", "a", "b", "b"])  # 0 may find 2 and 3, and 2 is nearer
    np.testing.assert_array_equal(far.per_video[5], [1.0, 0.0, 0.0, 1.0])


def test_videos_that_cannot_be_searched_are_counted(rng):
    videos = [rng.normal(size=(10, 2)) for _ in range(3)]
    labels = [np.zeros(10, int), np.full(10, -1), np.ones(10, int)]
    result = frame_precision(videos, labels, k=(5,))
    assert result.undefined == 1
    assert np.isnan(result.per_video[5][1])
    assert frame_precision(videos, labels, k=(15,)).undefined == 3  # only ten labelled frames elsewhere
    assert np.isnan(frame_precision(videos, labels, k=(15,)).value[15])
    assert result.details["queries_without_partner"] == 20


def test_labels_that_do_not_fit_are_refused(rng):
    videos = [rng.normal(size=(10, 2)) for _ in range(2)]
    with pytest.raises(InputError, match="9,"):
        frame_precision(videos, [np.zeros(10, int), np.zeros(9, int)])
    with pytest.raises(InputError, match="1 lists of labels for 2 videos"):
        frame_precision(videos, [np.zeros(10, int)])
    with pytest.raises(InputError, match="1 groups for 2 videos"):
        frame_precision(videos, [np.zeros(10, int)] * 2, groups=[0])


def test_component_leaves_out_group_and_session(phased):
    frames, segments = phased
    result = FrameRetrieval(k=(5,)).evaluate(frames, segments)
    assert result.value["precision@5"] > 0.95
    assert result.videos == tuple(frames.ids)
    assert set(result.details["per_class"]) == {"one", "two", "three"}
    same = Frames([video._replace(group="one room") for video in frames])
    assert FrameRetrieval(k=(5,)).evaluate(same, segments).undefined == 12
    with pytest.raises(InputError, match="needs labels"):
        FrameRetrieval().evaluate(frames)


def test_by_action_searches_within_the_action(phased):
    frames, segments = phased
    split = Frames([v._replace(label="a" if i % 2 else "b") for i, v in enumerate(frames)])
    result = FrameRetrieval(k=(5,), by_action=True).evaluate(split, segments)
    alone = [FrameRetrieval(k=(5,)).evaluate(split.where(label=name), segments).value["map@5"] for name in "ab"]
    assert result.value["map@5"] == pytest.approx(np.mean(alone))
    row = result.videos.index("v03.mp4")
    alone_a = FrameRetrieval(k=(5,)).evaluate(split.where(label="a"), segments)
    assert result.per_video["map@5"][row] == alone_a.per_video["map@5"][alone_a.videos.index("v03.mp4")]
