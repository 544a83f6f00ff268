"""HEVC pictures through PyAV: libx265 to encode, FFmpeg's decoder to decode.

Opening an encoder takes longer than encoding a 32x32 picture with it: encoders are kept. One belongs to the process
that opened it: x265's threads do not survive a fork.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.codecs.image_codec import CodecError
from kbsc_tf.errors import UserError

AV_FORMATS = {"grey": "gray", "420": "yuv420p", "422": "yuv422p", "444": "yuv444p"}
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
MAX_QP = 51
MIN_CODED_SIDE = 16  # the wrapper refuses smaller ones
# Open encoders, one for each size and QP: of images and their thumbnails. Each takes 4 MB and 26 bytes a pixel.
MAX_CONTEXTS, MAX_CONTEXT_PIXELS = 128, 1 << 22
# FFmpeg reads ahead this far, and PyAV's packets end with the bytes they are made of.
INPUT_PADDING = 64
# One intra picture at a constant QP, whose parameter sets a BPG header can express.
X265 = (
    "ipratio=1.0:keyint=1:min-keyint=1:bframes=0:rc-lookahead=0:lookahead-slices=0:scenecut=0:open-gop=0:"
    "frame-threads=1:pools=none:wpp=0:repeat-headers=1:info=0:hash=0:aud=0:hrd=0:annexb=1:rect=1:amp=1:psy-rd=0:"
    "psy-rdoq=0:aq-mode=0:cutree=0:cbqpoffs=0:crqpoffs=0:scaling-list=off:weightp=0:ref=1:log2-max-poc-lsb=8:"
    "log-level=none"
)


def coded_sides(height: int, width: int) -> tuple[int, int, int]:
    """Coded height and width, and the smallest coding block, all in luma samples, for an image to encode."""
    block = 8
    if min(height, width) <= MIN_CODED_SIDE - block:
        block = MIN_CODED_SIDE  # so that a decoder too rounds up to 16
    return -(-height // block) * block, -(-width // block) * block, block


class HevcEncoder:
    """Encode single intra pictures; keeps the encoders of the last picture sizes and QPs open.

    Parameters
    ----------
    chroma : {"444", "422", "420", "grey"}
        Of the planes.
    preset : str
        x265's.
    sao : bool
        Whether the preset may use sample adaptive offset.
    """

    def __init__(self, chroma: str, preset: str, sao: bool = True) -> None:
        self.chroma, self.preset, self.sao = chroma, preset, sao
        self._contexts: OrderedDict[tuple[int, int, int, int], list] = OrderedDict()

    def encode(self, planes: list[NDArray[np.uint8]], qp: int) -> bytes:
        """Encode planes ([h, w], uint8; Y first) at constant ``qp``, 0 to 51, to an Annex B byte stream."""
        import av

        height, width, block = coded_sides(*planes[0].shape)
        key = height, width, block, qp
        if key not in self._contexts:
            self._make_room(height * width)
            self._contexts[key] = [self._open(height, width, block, qp), 0]
        self._contexts.move_to_end(key)
        context, count = self._contexts[key]
        frame = av.VideoFrame(width, height, AV_FORMATS[self.chroma])
        frame.pts = count
        for plane, values in zip(frame.planes, planes, strict=True):
            _fill(plane, values)
        self._contexts[key][1] += 1
        try:
            packets = context.encode(frame)
        except BaseException:  # Ctrl-C too: its state is not known any more
            del self._contexts[key]
            raise
        if len(packets) != 1:
            del self._contexts[key]
            raise RuntimeError(f"x265 gave {len(packets)} packets for one picture")
        return bytes(packets[0])

    def _open(self, height: int, width: int, block: int, qp: int):
        import av

        side = min(height, width)
        tree_unit = 64 if side >= 64 else 32 if side >= 32 else 16
        try:
            context = av.CodecContext.create("libx265", "w")
        except (av.error.FFmpegError, ValueError) as error:
            raise UserError(f"this PyAV cannot encode HEVC: {error}; install the av wheel from PyPI") from None
        context.width, context.height, context.pix_fmt = width, height, AV_FORMATS[self.chroma]
        context.time_base, context.framerate = Fraction(1, 25), Fraction(25, 1)
        sizes = f"ctu={tree_unit}:min-cu-size={block}:max-tu-size={min(32, tree_unit)}{'' if self.sao else ':sao=0'}"
        context.options = {"preset": self.preset, "forced-idr": "1", "x265-params": f"qp={qp}:{X265}:{sizes}"}
        try:
            context.open()
        except av.error.FFmpegError:
            raise UserError(f"x265 cannot encode a picture of {width}x{height} pixels: one side is too long") from None
        return context

    def _make_room(self, pixels: int) -> None:
        """Close the encoders not used for longest, until there is room for one of ``pixels``."""
        used = sum(height * width for height, width, *_ in self._contexts)
        while self._contexts and (len(self._contexts) >= MAX_CONTEXTS or used + pixels > MAX_CONTEXT_PIXELS):
            height, width, *_ = self._contexts.popitem(last=False)[0]
            used -= height * width


def decode_picture(stream: bytes, shape: tuple[int, int], av_format: str) -> list[NDArray[np.unsignedinteger]]:
    """Decode one intra picture.

    Each time with a new decoder, which costs 0.05 ms: one used before remembers parameter sets and pixels, so that
    what it makes of a damaged file would depend on the files before it.

    Parameters
    ----------
    stream : bytes
        VPS, SPS, PPS and slices, Annex B.
    shape : tuple of int
        Coded height and width that the SPS says.
    av_format : str
        FFmpeg's name of the pixel format that the SPS says.

    Returns
    -------
    list of [h, w], uint8 or uint16
        The planes; copies.

    Raises
    ------
    CodecError
        The decoder reports an error, or does not give exactly one picture of that shape and format.
    """
    import av

    context = av.CodecContext.create("hevc", "r")
    context.thread_count = 1
    context.options = {"err_detect": "crccheck+bitstream+buffer+explode"}
    try:
        frames = context.decode(av.Packet(stream + bytes(INPUT_PADDING)))
    except av.error.FFmpegError as error:
        raise CodecError(f"the picture data is damaged: {error.strerror}") from None
    if len(frames) != 1 or frames[0].is_corrupt:
        raise CodecError("the picture data is damaged: it does not give one whole picture")
    frame = frames[0]
    if (frame.height, frame.width, frame.format.name) != (*shape, av_format):
        raise CodecError("the picture data is damaged: size or format differ from the header's")
    return [_read(plane, frame.format.components[0].bits) for plane in frame.planes]


class PerProcess:
    """Opens an object where it is first needed: pickled, copied or forked, it starts without one.

    Parameters
    ----------
    make : callable
        Makes the object; a class, or else something that can be pickled.
    """

    _left_behind: list = []  # what a parent opened is not closed in a fork, where its threads are missing

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make
        self._forget()

    def __enter__(self):
        if self._pid != os.getpid():
            if self._object is not None:
                self._left_behind.append(self._object)
            self._forget()
        self._lock.acquire()
        if self._object is None:
            try:
                self._object = self._make()
            except BaseException:
                self._lock.release()
                raise
        return self._object

    def __exit__(self, *_) -> None:
        self._lock.release()

    def __getstate__(self) -> dict:
        return {"_make": self._make}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["_make"])

    def _forget(self) -> None:
        self._pid, self._object, self._lock = os.getpid(), None, threading.Lock()


def _fill(plane, values: NDArray[np.uint8]) -> None:
    """Write ``values`` [h, w] into the upper left of a frame's plane and repeat the last column and row."""
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    height, width = values.shape
    rows[:height, :width] = values
    rows[:height, width : plane.width] = values[:, -1:]
    rows[height:, : plane.width] = rows[height - 1, : plane.width]


def _read(plane, bits: int) -> NDArray[np.unsignedinteger]:
    """A copy of a frame's plane, [h, w]."""
    dtype = np.dtype("<u2") if bits > 8 else np.dtype(np.uint8)
    rows = np.frombuffer(plane, dtype).reshape(plane.height, plane.line_size // dtype.itemsize)
    return rows[:, : plane.width].copy()
