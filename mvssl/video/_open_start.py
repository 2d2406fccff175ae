"""Files that begin with a key frame that is no fresh start: an H.264 cut within an open group of pictures.

``ffmpeg -ss A -i IN -c copy OUT`` cuts at any picture that is marked as a key frame. Where that is an I picture with a
recovery point, and no IDR picture, what follows still speaks of pictures from before the cut: some lead into the key frame and
need them (nobody shows those), and the one behind these may say that some are no longer kept (ITU-T H.264, 7.4.3.3). A decoder
in strict mode calls both an error.
"""

from __future__ import annotations

from typing import Any

import av
import numpy as np

from ._bitstream import holds_idr
from ._container import opened, other_streams_off, packets_of, video_stream

REACH = 17  # packets: the key frame, as many leading pictures as can be kept at once, and one


def excused(path: str, leads: np.ndarray, first_key: int, position: int) -> bool:
    """Whether an error of the decoder says no more than that the file was cut so.

    It does at a packet that leads into the first key frame, and at the one right behind these where the file begins as above
    and no part of its picture had to be concealed: then it is the same, bit for bit, whether the decoder conceals or not.

    Args:
        path: of the file.
        leads: (P,) bool: packets that are shown, if at all, before the first key frame.
        first_key: the first key frame, a packet.
        position: the packet at which the decoder failed.
    """
    if leads[position]:
        return True
    if not 0 < position - first_key <= REACH:
        return False
    concealed, bare = (_pictures(path, first_key, position, ec) for ec in ("guess_mvs+deblock", "0"))
    alone = {first_key, position}  # what lies between comes before them, or is not shown
    return bare.keys() == concealed.keys() == alone and all(np.array_equal(bare[n], concealed[n]) for n in alone)


def _pictures(path: str, first_key: int, stop: int, concealment: str) -> dict[int, np.ndarray]:
    """The pictures from the key frame on, in the order of time, by packet; none where there is another reason for an error."""
    frames: list[av.VideoFrame] = []
    with opened(path) as container:
        stream = video_stream(container)
        other_streams_off(container, stream)
        context = stream.codec_context
        context.copy_opaque, context.options = True, {"ec": concealment}
        position = -1
        try:
            for packet in packets_of(path, container, stream):
                position += packet.size > 0
                if packet.size and position < first_key:
                    continue
                if position == first_key and (context.name != "h264" or holds_idr(bytes(packet), context.extradata)):
                    return {}
                fed = av.Packet(bytes(packet))  # without its flags: what an edit list hides comes out too
                fed.pts, fed.dts, fed.opaque = packet.pts, packet.dts, (position,)
                frames += context.decode(fed if packet.size else None)
                if position == stop:
                    frames += context.decode(None) if packet.size else []
                    break
        except av.FFmpegError:
            return {}
        opaque: list[Any] = [frame.opaque for frame in frames]
        sources = [mark[0] for mark in opaque]
        begin = sources.index(first_key) if first_key in sources else len(sources)
        shown = [(n, frame) for n, frame in zip(sources[begin:], frames[begin:]) if not frame.is_corrupt]
        return {n: frame.to_ndarray() for n, frame in shown} if stop in sources[begin:] else {}
