"""How fast, how large and how right is search? Exact torch, LanceDB and faiss-cpu, up to 10 million frames.

    python benchmarks/search.py [--quick] [--json FILE] [--rows 10000 1000000] [--queries 100] [--work FOLDER]

Videos of 300 correlated frames, 128 values. Each shows one of several actions (100 videos of each): a smooth curve run
through at its own tempo, with a style of its own and noise. Amounts are set so that the median cosine distance to the
next frame (.013) and to the nearest frame of another video (.005) are those of a trained encoder on 97 real clips at 10
frames a second. Queries are frames of videos that are not in the table. recall@10: share of the ten nearest places of an
exhaustive search (hits within 1 s of one video merged) that are found, to 1 s.

Every index is built in one process and queried in another; memory is the largest anonymous resident memory of each.
Cold: all queries once, in a fresh process, the files dropped from the page cache. Warm: the same queries again.
From 3 million rows on only the approximate indexes are built: LanceDB as the package sets it (IVF-SQ), and faiss IVF-PQ
with as many partitions and 32 bytes a row, its hits ranked again by the rows on disk. Rows already in --json are kept.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np

from mvssl.frames import Frames, VideoFrames
from mvssl.retrieval import ExactIndex
from mvssl.retrieval.lance import LanceIndex
from mvssl.retrieval.match import Match, Selection, apart, suppress

WIDTH, LENGTH, PER_ACTION, FPS = 128, 300, 100, 10
K, PROBES, CHUNK = 10, 64, 150_000


def make_video(number: int, num_actions: int) -> np.ndarray:
    """(300, 128) float32 unit rows."""
    rng = np.random.default_rng([7, number])
    action = int(rng.integers(num_actions))
    shape = np.random.default_rng([8, action])
    harmonics = np.arange(1, 7)
    curve = shape.normal(size=(2, 6, WIDTH)) / harmonics[:, None]
    style = shape.normal(size=(8, WIDTH))
    pace = np.cumsum(0.02 + np.abs(rng.normal(0.07, 0.02)) * np.exp(0.3 * rng.normal(size=LENGTH)))
    phase = rng.uniform(0, 2 * np.pi) + pace
    angle = phase[:, None] * harmonics
    rows = np.sin(angle) @ curve[0] + np.cos(angle) @ curve[1]
    rows += 0.05 * rng.normal(size=8) @ style + 0.045 * rng.normal(size=(LENGTH, WIDTH))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def make_rows(path: Path, num_videos: int, num_actions: int) -> None:
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (num_videos * LENGTH, WIDTH))
    for number in range(num_videos):
        rows[number * LENGTH : (number + 1) * LENGTH] = make_video(number, num_actions)
    rows.flush()


def videos_of(path: Path):
    rows = np.load(path, mmap_mode="r")
    frame = np.arange(LENGTH)
    for i in range(len(rows) // LENGTH):
        yield VideoFrames(f"v{i:06d}", frame, frame / FPS, np.asarray(rows[i * LENGTH : (i + 1) * LENGTH]))


def place(row: int) -> Match:
    time_s = (row % LENGTH) / FPS
    return Match(0, f"v{row // LENGTH:06d}", row % LENGTH, time_s, time_s, time_s, 0.0)


def exhaustive(path: Path, queries: np.ndarray) -> list[list[Match]]:
    """The true places, chunk by chunk."""
    rows, keep = np.load(path, mmap_mode="r"), 400
    best = np.full((len(queries), keep), -np.inf, np.float32)
    where = np.zeros((len(queries), keep), np.int64)
    for start in range(0, len(rows), CHUNK):
        found = queries @ rows[start : start + CHUNK].T
        both = np.concatenate([best, found], 1)
        number = np.concatenate([where, np.broadcast_to(np.arange(start, start + found.shape[1]), found.shape)], 1)
        top = np.argpartition(-both, min(keep, both.shape[1] - 1), axis=1)[:, :keep]
        best, where = np.take_along_axis(both, top, 1), np.take_along_axis(number, top, 1)
    truth = []
    for values, numbers in zip(best, where):
        numbers = numbers[np.argsort(-values, kind="stable")]
        kept = suppress(numbers // LENGTH, (numbers % LENGTH) / FPS, merge_within_s=1.0, k=K)
        truth.append([place(int(row)) for row in numbers[kept]])
    return truth


def partitions(num_rows: int) -> int:
    return max(1, int(np.sqrt(num_rows)))


def build(name: str, folder: Path, path: Path) -> None:
    rows = np.load(path, mmap_mode="r")
    if name == "LanceDB":
        index, waiting = LanceIndex(folder / "index.lance", centre=False), []
        for video in videos_of(path):
            waiting.append(video)
            if len(waiting) * LENGTH >= CHUNK:
                index.add(waiting)
                waiting = []
        index.add(waiting)
        index.build()
    elif name == "exact torch":
        shutil.copy(path, folder / "rows.npy")
    else:
        import faiss

        made = {
            "faiss flat": lambda: faiss.IndexFlatIP(WIDTH),
            "faiss HNSW": lambda: faiss.IndexHNSWFlat(WIDTH, 32, faiss.METRIC_INNER_PRODUCT),
            "faiss IVF-PQ": lambda: faiss.index_factory(
                WIDTH, f"IVF{partitions(len(rows))},PQ{WIDTH // 4}", faiss.METRIC_INNER_PRODUCT
            ),
        }[name]()
        if not made.is_trained:
            made.cp.niter = 15
            picked = np.random.default_rng(0).choice(
                len(rows), min(len(rows), 64 * partitions(len(rows))), replace=False
            )
            made.train(np.ascontiguousarray(rows[np.sort(picked)]))
        for start in range(0, len(rows), CHUNK):
            made.add(np.ascontiguousarray(rows[start : start + CHUNK]))
        faiss.write_index(made, str(folder / "index.faiss"))


def asker(name: str, folder: Path, path: Path):
    """A function from a query to the hits, best first."""
    if name == "LanceDB":
        index = LanceIndex(folder / "index.lance", num_probes=PROBES)
        return lambda query, count: index.nearest(query, count, Selection())
    if name == "exact torch":
        exact = ExactIndex(Frames(list(videos_of(folder / "rows.npy"))), centre=False)
        return lambda query, count: exact.nearest(query, count, Selection())
    import faiss

    index = faiss.read_index(str(folder / "index.faiss"))
    rows = np.load(path, mmap_mode="r")
    if name == "faiss HNSW":
        index.hnsw.efSearch = 400
    if name == "faiss IVF-PQ":
        index.nprobe = PROBES

    def ask(query: np.ndarray, count: int) -> list[Match]:
        if name != "faiss IVF-PQ":
            return [place(int(row)) for row in index.search(query[None], count)[1][0] if row >= 0]
        found = index.search(query[None], 4 * count)[1][0]
        found = np.sort(found[found >= 0])
        return [place(int(row)) for row in found[np.argsort(-(rows[found] @ query), kind="stable")[:count]]]

    return ask


def query(name: str, folder: Path, path: Path, queries: np.ndarray, truth: list[list[Match]]) -> dict:
    drop(folder, path)
    start = time.perf_counter()
    ask = asker(name, folder, path)
    opened_s = time.perf_counter() - start
    spent: dict[str, list[float]] = {"cold": [], "warm": []}
    for times in spent.values():
        found = []
        for one in queries:
            start = time.perf_counter()
            found.append(apart(lambda count, one=one: ask(one, count), K, merge_within_s=1.0))
            times.append((time.perf_counter() - start) * 1e3)
    right = [
        sum(any(v.video == w.video and abs(v.time_s - w.time_s) <= 1.0 for v in places) for w in true) / len(true)
        for places, true in zip(found, truth)
    ]
    quantiles = {
        f"{turn}_p{q}_ms": round(float(np.quantile(times, q / 100)), 2)
        for turn, times in spent.items()
        for q in (50, 99)
    }
    return {"recall@10": round(float(np.mean(right)), 4), "open_s": round(opened_s, 2), **quantiles}


def drop(*paths: Path) -> None:
    """Takes files out of the page cache."""
    for path in paths:
        for file in path.rglob("*") if path.is_dir() else [path]:
            if file.is_file():
                with file.open("rb") as handle:
                    os.fsync(handle.fileno())
                    os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _measured(pipe, task, arguments) -> None:
    peak, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while True:
            text = Path("/proc/self/status").read_text()
            peak = max(peak, int(text.split("RssAnon:")[1].split()[0]))
            if ended.wait(0.02):
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    start, used = time.perf_counter(), time.process_time()
    result = task(*arguments)
    wall_s, cpu_s = time.perf_counter() - start, time.process_time() - used
    ended.set()
    watcher.join()
    pipe.send((result, {"wall_s": round(wall_s, 1), "cpu_s": round(cpu_s, 1), "anon_mb": round(peak / 1024)}))


def apart_process(task, *arguments):
    """The task in a process of its own: its result, and its time and memory."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_measured, args=(theirs, task, arguments))
    child.start()
    theirs.close()
    answer = ours.recv()
    child.join()
    return answer


def measured(num_rows: int, num_queries: int, work: Path, only: list[str], report: Callable[[dict], None]) -> None:
    num_videos = max(1, num_rows // LENGTH)
    num_actions = max(1, num_videos // PER_ACTION)
    work.mkdir(parents=True, exist_ok=True)
    path = work / f"rows-{num_videos}.npy"
    apart_process(make_rows, path, num_videos, num_actions)
    rng = np.random.default_rng(3)
    held_out = [make_video(num_videos + i, num_actions) for i in range(num_queries)]
    queries = np.stack([video[rng.integers(LENGTH)] for video in held_out])
    truth, _ = apart_process(exhaustive, path, queries)
    large = num_rows >= 3_000_000
    names = ["LanceDB", "faiss IVF-PQ"] if large else ["exact torch", "LanceDB", "faiss flat", "faiss HNSW"]
    for name in [name for name in names if not only or name in only]:
        library = {"L": "lancedb", "f": "faiss"}.get(name[0])
        base = {"contender": name, "setting": f"{num_videos * LENGTH} rows", "repetitions": num_queries}
        if library and not importlib.util.find_spec(library):
            report({**base, "not run": f"{library} is not installed"})
            continue
        folder = work / name.replace(" ", "-")
        folder.mkdir(parents=True)
        _, built = apart_process(build, name, folder, path)
        found, asked = apart_process(query, name, folder, path, queries, truth)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        spread = {"median": found["warm_p50_ms"], "spread": round(found["warm_p99_ms"] - found["warm_p50_ms"], 2)}
        built = {f"build_{key}": value for key, value in built.items()}
        memory = {"query_anon_mb": asked["anon_mb"], "disk_mb": round(size / 1e6, 1)}
        report({**base, **spread, **found, **built, **memory, "date": date.today().isoformat()})
        shutil.rmtree(folder)
    path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path, help="rows of other sizes and contenders in it are kept")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--only", nargs="*", default=[], help="contenders")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--work", type=Path, default=Path("search-benchmark"))
    options = parser.parse_args()

    def report(row: dict) -> None:
        print(row, flush=True)
        if options.json:
            known = json.loads(options.json.read_text())["rows"] if options.json.exists() else []
            same = (row["setting"], row["contender"])
            rows = [one for one in known if (one["setting"], one["contender"]) != same] + [row]
            rows.sort(key=lambda one: int(one["setting"].split()[0]))
            options.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
            options.json.with_suffix(".md").write_text(table(rows))

    for size in [3_000] if options.quick else options.rows:
        measured(size, 10 if options.quick else options.queries, options.work, options.only, report)


COLUMNS = {
    "recall@10": "recall@10", "warm p50 / p99 (ms)": ("warm_p50_ms", "warm_p99_ms"),
    "cold p50 / p99 (ms)": ("cold_p50_ms", "cold_p99_ms"), "build (s; CPU s)": ("build_wall_s", "build_cpu_s"),
    "disk (MB)": "disk_mb", "memory, query (MB)": "query_anon_mb", "memory, build (MB)": "build_anon_mb", "date": "date",
}  # fmt: skip


def table(rows: list[dict]) -> str:
    lines = ["| rows | index | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 2) + "|"]
    for row in rows:
        cells = [row["not run"]] * len(COLUMNS) if "not run" in row else [
            " / ".join(str(row[k]) for k in ([key] if isinstance(key, str) else key)) for key in COLUMNS.values()
        ]  # fmt: skip
        lines.append("| " + " | ".join([row["setting"].split()[0], row["contender"], *cells]) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
