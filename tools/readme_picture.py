"""Makes the README's picture from a finished demo: stills of the synchronised video above each other in time.

python tools/readme_picture.py demo docs/images/demo.jpg
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from mvssl.video import open_video


def main(demo: Path, target: Path, num_stills: int = 6) -> None:
    with open_video(demo / "aligned" / "synchronised.mp4") as decoder:
        first, last = decoder.times_s[0], decoder.times_s[-1]
        moments = first + (np.arange(num_stills) + 0.5) / num_stills * (last - first)
        stills = decoder.frames_at(moments).transpose(0, 2, 3, 1)
    half = stills.shape[2] // 2  # left the reference, right the query: put them above each other
    columns = [np.concatenate([still[:, :half], still[:, half:]]) for still in stills]
    picture = Image.fromarray(np.concatenate(columns, axis=1))
    width = 1200
    picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.save(target, quality=90, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
