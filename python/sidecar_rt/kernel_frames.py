"""Frames between host and kernel: u32 length of the rest, u8 kind, u8 channel, u16 parts, parts × u32 size, bytes of the parts."""
import json
import struct

MESSAGE = 1
CONTROL = 2
SHELL, CONTROL_CHANNEL, STDIN, IOPUB = range(4)
MAX_FRAME = 64 * 1024 * 1024
MAX_CONTROL = 64 * 1024
MAX_PARTS = 68
MESSAGE_PARTS = 4

_HEAD = struct.Struct(">BBH")
_LENGTH = struct.Struct(">I")


class ProtocolError(Exception):
    """Bytes that are no frame."""


def encode(kind, channel, parts):
    """The bytes of one frame."""
    sizes = [len(part) for part in parts]
    length = _HEAD.size + 4 * len(parts) + sum(sizes)
    if length > MAX_FRAME or len(parts) > MAX_PARTS:
        raise ProtocolError("frame too large")
    head = _LENGTH.pack(length) + _HEAD.pack(kind, channel, len(parts)) + struct.pack(f">{len(parts)}I", *sizes)
    return b"".join([head, *parts])


def encode_control(op, **content):
    """The bytes of one control frame."""
    body = json.dumps({"op": op, **content}).encode("utf-8", "surrogatepass")
    if len(body) > MAX_CONTROL:
        raise ProtocolError("control frame too large")
    return encode(CONTROL, 0, [body])


def decode(body):
    """Kind, channel and parts of a frame without its length. Raises ProtocolError for anything that `encode` does not make."""
    if len(body) < _HEAD.size:
        raise ProtocolError("short frame")
    kind, channel, count = _HEAD.unpack_from(body)
    start = _HEAD.size + 4 * count
    if kind not in (MESSAGE, CONTROL) or count > MAX_PARTS or len(body) < start:
        raise ProtocolError("bad frame head")
    sizes = struct.unpack_from(f">{count}I", body, _HEAD.size)
    if sum(sizes) != len(body) - start:
        raise ProtocolError("sizes do not fit")
    if kind == CONTROL and (channel != 0 or count != 1 or sizes[0] > MAX_CONTROL):
        raise ProtocolError("bad control frame")
    if kind == MESSAGE and (channel > IOPUB or count < MESSAGE_PARTS):
        raise ProtocolError("bad message frame")
    parts = []
    for size in sizes:
        parts.append(bytes(body[start:start + size]))
        start += size
    return kind, channel, parts


def read_frame(read_exactly):
    """Reads one frame through `read_exactly(size)`."""
    (length,) = _LENGTH.unpack(read_exactly(_LENGTH.size))
    if length > MAX_FRAME:
        raise ProtocolError("frame too large")
    return decode(read_exactly(length))


def read_control(part):
    """The object of a control frame."""
    try:
        content = json.loads(part)
    except ValueError as error:
        raise ProtocolError("control frame is not JSON") from error
    if not isinstance(content, dict) or not isinstance(content.get("op"), str):
        raise ProtocolError("control frame without op")
    return content
