"""How fast and how well does search find the same moment? Exact torch, LanceDB and faiss-cpu in one run.

    python benchmarks/search.py [--quick] [--json FILE] [--rows 10000 1000000] [--queries 50]

Videos of 300 correlated frames, 128 values, drawn around shared moments so that queries have neighbours elsewhere;
the queries are held out. recall@10 counts the ten nearest places of the exact search with hits within 1 s merged.
Contenders whose library is not installed are left out, and said so.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from mvssl.embedding.tables import Frames, VideoFrames
from mvssl.retrieval import ExactIndex
from mvssl.retrieval.lance import LanceIndex
from mvssl.retrieval.match import suppress

WIDTH, LENGTH = 128, 300


def make_videos(num_videos: int, rng: np.random.Generator) -> list[VideoFrames]:
    moments = np.random.default_rng(1).normal(size=(500, WIDTH))
    videos = []
    for i in range(num_videos):
        corners = moments[rng.integers(0, 500, 8)] + 0.5 * rng.normal(size=(8, WIDTH))
        at = np.linspace(0, 7, LENGTH)
        low = np.minimum(at.astype(int), 6)
        rows = corners[low] * (1 - (at - low))[:, None] + corners[low + 1] * (at - low)[:, None]
        rows = (rows + 0.2 * rng.normal(size=rows.shape)).astype(np.float32)
        videos.append(VideoFrames(f"v{i:06d}", np.arange(LENGTH), np.arange(LENGTH) / 10, rows))
    return videos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=50)
    options = parser.parse_args()
    rows = []
    for num_rows in [3_000] if options.quick else options.rows:
        rows += measured(num_rows, 10 if options.quick else options.queries)
    for row in rows:
        print(" ".join(f"{key}={value}" for key, value in row.items()))
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=1))


def measured(num_rows: int, num_queries: int) -> list[dict]:
    rng = np.random.default_rng(0)
    videos = make_videos(max(1, num_rows // LENGTH), rng)
    held_out = np.concatenate([v.embedding[[150]] for v in make_videos(num_queries, rng)])
    queries = held_out / np.linalg.norm(held_out, axis=1, keepdims=True)
    start = time.perf_counter()
    exact = ExactIndex(Frames(videos), centre=False)
    built_s = time.perf_counter() - start
    none = np.zeros(len(videos), bool)
    names = np.array(exact.frames.ids)

    def by_exact(query):
        hits, _ = exact.nearest(query, 200, excluded=none)
        kept = hits[suppress(exact.video_row[hits], exact.time_s[hits], merge_within_s=1.0, k=10)]
        return [(names[exact.video_row[hit]], float(exact.time_s[hit])) for hit in kept]

    truth = [by_exact(query) for query in queries]
    rows = [row("exact torch", num_rows, built_s, by_exact, queries, truth)]
    flat = np.concatenate([video.embedding for video in exact.frames])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    if importlib.util.find_spec("faiss"):
        import faiss

        graph = faiss.IndexHNSWFlat(WIDTH, 32, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efSearch = 400  # at least the number of hits asked for
        for name, index in (("faiss flat", faiss.IndexFlatIP(WIDTH)), ("faiss HNSW", graph)):
            start = time.perf_counter()
            index.add(flat)
            built_s = time.perf_counter() - start

            def by_faiss(query, index=index):
                hits = index.search(query[None].astype(np.float32), 200)[1][0]
                kept = hits[suppress(exact.video_row[hits], exact.time_s[hits], merge_within_s=1.0, k=10)]
                return [(names[exact.video_row[hit]], float(exact.time_s[hit])) for hit in kept]

            rows.append(row(name, num_rows, built_s, by_faiss, queries, truth))
    else:
        print("faiss-cpu is not installed: left out")
    if not importlib.util.find_spec("lancedb"):
        print("lancedb is not installed: left out")
        return rows
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        lance = LanceIndex(Path(folder) / "index.lance", centre=False)
        for video in videos:
            lance.add(video)
        lance.build()
        built_s = time.perf_counter() - start
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())

        def by_lance(query):
            return [(match.video, match.time_s) for match in lance.search(query, k=10)]

        rows.append(row("LanceDB", num_rows, built_s, by_lance, queries, truth) | {"disk_mb": round(size / 1e6, 1)})
    return rows


def row(name, num_rows, built_s, ask, queries, truth) -> dict:
    spent, found = [], []
    for query, right in zip(queries, truth):
        start = time.perf_counter()
        places = ask(query)
        spent.append((time.perf_counter() - start) * 1e3)
        hits = sum(any(v == w and abs(s - t) <= 1.0 for v, s in places) for w, t in right)
        found.append(hits / len(right))
    return {
        "contender": name,
        "setting": f"{num_rows} rows",
        "median": round(statistics.median(spent), 3),
        "spread": round(float(np.quantile(spent, 0.99)) - statistics.median(spent), 3),
        "repetitions": len(spent),
        "first": round(spent[0], 3),
        "build_s": round(built_s, 2),
        "recall@10": round(float(np.mean(found)), 4),
    }


if __name__ == "__main__":
    main()
