from __future__ import annotations

import json

import numpy as np
import pytest

from mvssl.errors import InputError
from mvssl.evaluation import KendallTau, evaluate_frames, flatten, time_only
from mvssl.frames import Frames
from mvssl.labels import Segment, Segments


def test_one_row_of_a_table(phased):
    frames, segments = phased
    results = evaluate_frames(frames, segments)
    row = flatten(results)
    assert row["phase_classification/recall"] > 0.95
    assert row["frame_retrieval/precision@5"] > 0.95
    assert -1 <= row["kendall_tau"] <= 1
    json.dumps({name: result.to_dict() for name, result in results.items()})
    clock = flatten(evaluate_frames(time_only(frames), segments))
    assert clock["kendall_tau"] == results["kendall_tau"].controls["time only"]
    assert clock["phase_classification/recall"] < row["phase_classification/recall"]


def test_without_labels_only_tau(phased):
    frames, _ = phased
    assert list(evaluate_frames(frames)) == ["kendall_tau"]
    chosen = evaluate_frames(frames, evaluators={"tau": KendallTau(stride=2)})
    assert list(chosen) == ["tau"]


def test_undefined_numbers_become_null(phased):
    frames, segments = phased
    constant = frames.with_embeddings([np.ones((len(v.frame), 2)) for v in frames])
    result = evaluate_frames(constant, segments)["kendall_tau"]
    assert result.undefined == 12
    assert json.loads(json.dumps(result.to_dict()))["value"] is None


def test_errors_name_the_video(phased):
    frames, segments = phased
    broken = frames["v02.mp4"].embedding.copy()
    broken[7, 1] = np.nan
    swapped = Frames([v._replace(embedding=broken) if v.video == "v02.mp4" else v for v in frames])
    with pytest.raises(InputError, match=r"v02\.mp4: the embedding of row 7 holds NaN"):
        evaluate_frames(swapped, segments)
    with pytest.raises(InputError, match=r"labels for 'v05\.mp4', which is not among the 11 embedded videos"):
        evaluate_frames(Frames([v for v in frames if v.video != "v05.mp4"]), segments)
    with pytest.raises(InputError, match=r"labels for 'other\.mp4'"):
        evaluate_frames(frames, Segments({**segments, "other.mp4": [Segment(0.0, 1.0, "one")]}))
    late = Segments({**segments, "v01.mp4": [Segment(0.0, 99.0, "one")]})
    with pytest.raises(InputError, match=r"v01\.mp4: label 'one' from 0.0000 to 99.0000 s lies outside the video"):
        evaluate_frames(frames, late)
    unordered = Frames([v._replace(time_s=v.time_s[::-1]) if v.video == "v01.mp4" else v for v in frames])
    with pytest.raises(InputError, match=r"v01\.mp4: times of the frames must rise"):
        evaluate_frames(unordered, segments)
    with pytest.raises(InputError, match="the validation split is empty"):
        evaluate_frames(frames, segments, val_split="test")


def test_a_leaky_split_is_refused_before_anything_is_computed(phased):
    frames, segments = phased
    leaky = Frames([v._replace(group="room") for v in frames])
    with pytest.raises(InputError, match="leaky split: group 'room'"):
        evaluate_frames(leaky, segments)
