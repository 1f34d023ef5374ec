"""Parts of the bridge: signatures, the writer to the host, the first question, and sockets without a high-water mark."""
import collections
import hashlib
import hmac
import json
import os
import threading

import kernel_frames as frames


class Signer:
    """Signs and checks messages with a key that never leaves this process."""

    def __init__(self, key):
        self._key = key

    def sign(self, parts):
        digest = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in parts[:frames.MESSAGE_PARTS]:
            digest.update(part)
        return digest.hexdigest().encode()

    def is_valid(self, signature, parts):
        return hmac.compare_digest(self.sign(parts), signature)


class Writer:
    """Writes frames to the host in their order; what waits here counts at the gate."""

    def __init__(self, descriptor, gate):
        self._descriptor = descriptor
        self._gate = gate
        self._queue = collections.deque()
        self._ready = threading.Condition()
        self._idle = threading.Event()
        self._idle.set()

    def start(self):
        threading.Thread(target=self._run, name="sidecar-writer", daemon=True).start()

    def put(self, frame):
        self._gate.add(len(frame))
        with self._ready:
            self._idle.clear()
            self._queue.append(frame)
            self._ready.notify()

    def control(self, op, **content):
        self.put(frames.encode_control(op, **content))

    def flush(self, timeout):
        self._idle.wait(timeout)

    def _run(self):
        while True:
            with self._ready:
                while not self._queue:
                    self._idle.set()
                    self._ready.wait()
                batch = [self._queue.popleft()]
                size = len(batch[0])
                while self._queue and size < 65536:
                    batch.append(self._queue.popleft())
                    size += len(batch[-1])
            write_all(self._descriptor, b"".join(batch) if len(batch) > 1 else batch[0])
            self._gate.remove(size)


def write_all(descriptor, content):
    view = memoryview(content)
    while view:
        try:
            written = os.write(descriptor, view[:1 << 20])
        except OSError:
            os._exit(124)  # the host is gone
        view = view[written:]


class ReadyProbe:
    """The first question: answered on shell and seen idle on iopub, the kernel works in both directions."""

    def __init__(self, request):
        self.request = request
        self._id = json.loads(request[0])["msg_id"]
        self.content = None
        self._is_idle = False

    @property
    def is_done(self):
        return self.content is not None and self._is_idle

    def sees(self, channel, header, parts):
        """Takes one message; True when the question must be asked now."""
        kind = header.get("msg_type")
        if channel == frames.IOPUB and kind == "iopub_welcome":
            return True
        if json.loads(parts[1]).get("msg_id") == self._id:
            if kind == "kernel_info_reply":
                self.content = json.loads(parts[3])
            elif kind == "status" and json.loads(parts[3]).get("execution_state") == "idle":
                self._is_idle = True
        return False


def unbounded(socket):
    """No high-water mark: a dropped message is worse than a long queue, and the gate bounds the queue."""
    socket.sndhwm = 0
    socket.rcvhwm = 0
    socket.linger = 0
    return socket


def resident_bytes():
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
