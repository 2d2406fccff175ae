"""A page that is really served: three videos, one of them with labels, and a link that leads out of their folder."""

from __future__ import annotations

import http.client
import json
import threading
import time
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import numpy as np
import pytest
import torch

from mvssl.embedding import Model
from mvssl.video import write_video

pytest.importorskip("starlette")
uvicorn = pytest.importorskip("uvicorn")

MAX_UPLOAD_MB = 0.2


class Site(NamedTuple):
    """A running page."""

    port: int
    folder: Path
    frames: object

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def request(self, path: str, *, method: str = "GET", headers=None, body=None) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers; the path is sent as it is, not tidied up."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def ask(self, name: str, **parameters) -> tuple[int, dict | list]:
        status, body, _ = self.request(f"/api/{name}?{urlencode(parameters, doseq=True)}")
        return status, json.loads(body)

    @property
    def token(self) -> str:
        return self.ask("library")[1]["token"]

    def order(self, name: str, body: bytes | None = None, **parameters) -> tuple[int, bytes, dict[str, str]]:
        """What the page itself asks by POST."""
        path = f"/api/{name}?{urlencode(parameters, doseq=True)}"
        return self.request(path, method="POST", body=body, headers={"X-mvssl": self.token})

    def upload(self, name: str, body: bytes) -> tuple[int, dict]:
        path, headers = f"/api/upload?{urlencode({'name': name})}", {"X-mvssl": self.token}
        status, found, _ = self.request(path, method="POST", body=body, headers=headers)
        return status, json.loads(found)


def moving_square(num_frames: int, speed: float, colour: int) -> np.ndarray:
    """A square that goes right over noise that stays."""
    background = np.random.default_rng(colour).integers(0, 90, (64, 96, 3), dtype=np.uint8)
    frames = np.repeat(background[None], num_frames, axis=0)
    for number, frame in enumerate(frames):
        left = int(min(speed * number, 76))
        frame[20:40, left : left + 20] = (colour, 255 - colour, 200)
    return frames


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    from mvssl.api import embed, page

    root = tmp_path_factory.mktemp("page")
    videos = root / "videos"
    videos.mkdir()
    for name, length, speed in (("a", 40, 2.0), ("b", 60, 1.3), ("c", 50, 1.6)):
        write_video(videos / f"{name}.mp4", moving_square(length, speed, 40 * ord(name) % 250), fps=20)
    write_video(root / "secret.mp4", moving_square(20, 3.0, 10), fps=20)
    (videos / "link.mp4").symlink_to(root / "secret.mp4")
    (root / "secret.txt").write_text("TOPSECRET")
    (videos / "segments.csv").write_text("video,start_s,end_s,label\na.mp4,0,1,go\na.mp4,1,2,rest\n")
    torch.manual_seed(0)
    model = Model(encoder={"name": "image", "backbone": "test_resnet", "weights": "none"}, recipe={"size": 32})
    frames = embed(model.eval(), videos, root / "frames", progress=False)
    server = uvicorn.Server(
        uvicorn.Config(
            page(root / "frames", root / "page", run=model, max_upload_mb=MAX_UPLOAD_MB), port=0, log_level="warning"
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.02)
    yield Site(server.servers[0].sockets[0].getsockname()[1], root, frames)
    server.should_exit = True
    thread.join(timeout=20)
