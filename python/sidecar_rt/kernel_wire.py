"""Parts of the bridge: signatures, the writer to the host, the first question, and sockets without a high-water mark."""
import collections
import hashlib
import hmac
import json
import os
import socket
import stat
import threading

import zmq

import kernel_frames as frames

try:
    import psutil
except ImportError:
    psutil = None

TRANSPORTS = ("inproc", "ipc", "tcp")
PROBE_MS = 500
ONE_SHOT_BYTES = 16 * 1024
DIRECT_BYTES = 64 * 1024


class Signer:
    """Signs and checks messages with a key that never leaves this process."""

    def __init__(self, key):
        self._key = key

    def sign(self, parts):
        signed = parts[:frames.MESSAGE_PARTS]
        if sum(map(len, signed)) <= ONE_SHOT_BYTES:
            return hmac.digest(self._key, b"".join(signed), "sha256").hex().encode()
        digest = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in signed:
            digest.update(part)
        return digest.hexdigest().encode()

    def is_valid(self, signature, parts):
        return hmac.compare_digest(self.sign(parts), signature)


class Writer:
    """Writes frames to the host in their order; what waits here counts at the gate. A frame that fits goes without a change of thread."""

    def __init__(self, descriptor, gate):
        self._descriptor = descriptor
        self._gate = gate
        self._direct = direct_socket(descriptor)
        self._is_writing = False
        self._queue = collections.deque()
        self._ready = threading.Condition()
        self._idle = threading.Event()
        self._idle.set()

    def start(self):
        threading.Thread(target=self._run, name="sidecar-writer", daemon=True).start()

    def put(self, frame):
        with self._ready:
            if self._direct is not None and not self._queue and not self._is_writing and len(frame) <= DIRECT_BYTES:
                frame = frame[self._send_now(frame):]
                if not frame:
                    return
            self._gate.add(len(frame))
            self._idle.clear()
            self._queue.append(frame)
            self._ready.notify()

    def control(self, op, **content):
        self.put(frames.encode_control(op, **content))

    def flush(self, timeout):
        self._idle.wait(timeout)

    def _send_now(self, frame):
        """Bytes that the system took without waiting."""
        try:
            return self._direct.send(frame, socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            os._exit(124)  # the host is gone

    def _run(self):
        while True:
            with self._ready:
                self._is_writing = False
                while not self._queue:
                    self._idle.set()
                    self._ready.wait()
                self._is_writing = True
                batch = [self._queue.popleft()]
                size = len(batch[0])
                while self._queue and size < 65536:
                    batch.append(self._queue.popleft())
                    size += len(batch[-1])
            write_all(self._descriptor, b"".join(batch) if len(batch) > 1 else batch[0])
            self._gate.remove(size)


def direct_socket(descriptor):
    """The descriptor as a socket that can be written without waiting; None where it is none, or the system cannot."""
    if not hasattr(socket, "MSG_DONTWAIT") or not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return None
    return socket.socket(fileno=descriptor)


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


def choose_transport(folder):
    """The first way that carries a message here: names inside this process, socket files in a private folder, loopback ports."""
    return next((transport for transport in TRANSPORTS[:-1] if carries(transport, folder)), TRANSPORTS[-1])


def carries(transport, folder):
    with zmq.Context() as context, context.socket(zmq.PAIR) as near, context.socket(zmq.PAIR) as far:
        near.linger = far.linger = 0
        try:
            far.connect(bind_endpoint(near, transport, "probe", folder))
            far.send(b"probe")
            return near.poll(PROBE_MS) != 0
        except (zmq.ZMQError, OSError):
            return False


def bind_endpoint(bound, transport, name, folder):
    """Binds a socket and answers with the address to connect to."""
    if transport == "tcp":
        return f"tcp://127.0.0.1:{bound.bind_to_random_port('tcp://127.0.0.1')}"
    if transport == "ipc":
        sockets = os.path.join(folder, "sockets")
        os.makedirs(sockets, mode=0o700, exist_ok=True)
        endpoint = f"ipc://{os.path.join(sockets, name)}"
    else:
        endpoint = f"inproc://sidecar-{name}"
    bound.bind(endpoint)
    return endpoint


def unbounded(zmq_socket):
    """No high-water mark: a dropped message is worse than a long queue, and the gate bounds the queue."""
    zmq_socket.sndhwm = 0
    zmq_socket.rcvhwm = 0
    zmq_socket.linger = 0
    return zmq_socket


def resident_bytes():
    """What this process and its descendants hold; 0 where that cannot be told."""
    try:
        own = psutil.Process()
        return sum(map(resident_of, [own, *own.children(recursive=True)]))
    except Exception:  # without psutil, or in a sandbox that hides processes
        return 0


def resident_of(process):
    try:
        return process.memory_info().rss
    except Exception:  # it has ended meanwhile
        return 0
