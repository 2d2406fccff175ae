"""What was computed before and is cut, damaged or missing in part is computed again, said aloud, and gives the same numbers."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from mvssl.embedding import Model, embed_folder
from mvssl.embedding.finished_windows import FinishedWindows
from mvssl.errors import InputError
from mvssl.evaluation.finished import FinishedResults
from mvssl.evaluation.kendall_tau import KendallTau
from mvssl.frames import read_video_frames
from mvssl.training import pretrain
from mvssl.video import read_videos


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def noise(path):
    path.write_bytes(np.random.default_rng(0).bytes(path.stat().st_size))


def gone(path):
    path.unlink()


def other_shape(path):
    """A file of the right kind that holds something else."""
    if path.suffix == ".npy":
        np.save(path, np.zeros((1, 2, 3), np.float16))
    else:
        np.savez(path, mean=np.zeros(3))


def losses(run):
    return [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("harm", [cut, half, empty, noise, gone, other_shape])
def test_a_harmed_part_of_the_feature_cache_is_made_again(tiny_config, tmp_path, harm, suffix, capsys):
    tiny_config["cache"]["folder"] = str(tmp_path / "cache")
    tiny_config["train"]["steps"] = 4
    whole = losses(pretrain(tiny_config, tmp_path / "whole", progress=False))
    parts = {path: path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert len(parts) == 10  # two of each of the five training videos
    harmed = next(path for path in sorted(parts) if path.suffix == suffix)
    harm(harmed)
    capsys.readouterr()
    assert losses(pretrain(tiny_config, tmp_path / "again", progress=False)) == whole
    said = capsys.readouterr().out
    assert said.count("they are computed again") == (0 if (harm, suffix) == (gone, ".npy") else 1)
    if (harm, suffix) != (gone, ".npy"):
        assert harmed.stem in said
    again = {path: path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert {path for path in parts if path.suffix == ".npy" and again[path] != parts[path]} == set()


@pytest.fixture(scope="module")
def embedded(tiny_videos, tmp_path_factory):
    """A model, two videos and their tables."""
    torch.manual_seed(0)
    encoder = {"name": "frame", "backbone": "test_resnet", "mlp": [16], "dim": 32, "num_heads": 4, "hidden": 32}
    model = Model(encoder={**encoder, "num_layers": 1}, recipe={"size": 32}).eval()
    videos = read_videos(tiny_videos)[:2]
    folder = tmp_path_factory.mktemp("frames") / "frames"
    embed_folder(model.encoder, videos, folder, recipe=model.recipe, progress=False)
    return model, videos, folder


@pytest.mark.parametrize("harm", [cut, half, empty, noise])
def test_a_harmed_table_of_frames_is_made_again(embedded, tmp_path, harm, capsys):
    model, videos, folder = embedded
    shutil.copytree(folder, tmp_path / "frames")
    path = sorted((tmp_path / "frames").glob("*.parquet"))[0]
    whole, _ = read_video_frames(path)
    harm(path)
    frames, _ = embed_folder(model.encoder, videos, tmp_path / "frames", recipe=model.recipe, progress=False)
    np.testing.assert_array_equal(frames[whole.video].embedding, whole.embedding)
    assert f"{path}: not a table of embedded frames" in capsys.readouterr().out
    np.testing.assert_array_equal(read_video_frames(path)[0].embedding, whole.embedding)


def test_a_flipped_bit_in_the_rows_of_a_table_is_found(embedded, tmp_path):
    _, _, folder = embedded
    path = Path(shutil.copy(sorted(folder.glob("*.parquet"))[0], tmp_path))
    content = bytearray(path.read_bytes())
    refused = 0
    for place in range(100, len(content) // 2, 97):  # the pages come first, then what is told of them
        content[place] ^= 1
        path.write_bytes(bytes(content))
        try:
            found, _ = read_video_frames(path)
        except InputError:
            refused += 1
        content[place] ^= 1
    assert refused >= 0.95 * len(range(100, len(content) // 2, 97))


def test_a_table_that_is_not_ours_is_not_replaced(embedded, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    model, videos, folder = embedded
    shutil.copytree(folder, tmp_path / "frames")
    path = sorted((tmp_path / "frames").glob("*.parquet"))[0]
    pq.write_table(pa.table({"mine": [1, 2, 3]}), path)
    with pytest.raises(InputError, match="a Parquet file, but not one of embedded frames"):
        embed_folder(model.encoder, videos, tmp_path / "frames", recipe=model.recipe, progress=False)
    assert pq.read_table(path).column_names == ["mine"]


@pytest.mark.parametrize("harm", [cut, half, empty, noise])
def test_a_harmed_window_is_none(tmp_path, harm, capsys):
    parts = FinishedWindows(tmp_path / "parts")
    rows = {"embedding": np.random.default_rng(0).random((5, 40)).astype(np.float32)}
    for keep in (slice(0, 5), slice(5, 10)):
        parts.save(keep, rows)
    harm(tmp_path / "parts" / "000000000-000000005.npz")
    assert parts.load(slice(0, 5)) is None
    assert "000000000-000000005.npz: the rows of this window are cut or damaged" in capsys.readouterr().out
    np.testing.assert_array_equal(parts.load(slice(5, 10))["embedding"], rows["embedding"])
    parts.save(slice(0, 5), {"embedding": rows["embedding"][:4]})
    assert parts.load(slice(0, 5)) is None


def test_a_harmed_result_is_computed_again(embedded, tmp_path, capsys):
    from mvssl.frames import read_frames

    frames = read_frames(embedded[2])
    finished = FinishedResults(tmp_path)
    first = finished(KendallTau(), frames, None, frames)
    (path,) = tmp_path.iterdir()
    half(path)
    again = finished(KendallTau(), frames, None, frames)
    assert json.dumps(again.to_dict()) == json.dumps(first.to_dict())
    assert f"{path}: this result is cut or damaged" in capsys.readouterr().out
    capsys.readouterr()
    finished(KendallTau(), frames, None, frames)
    assert capsys.readouterr().out == ""
