"""The bridge between ipykernel's sockets and the host's pipes: reader, poller and writer, one thread each."""
import json
import os
import signal
import sys
import threading
import time
import uuid

import zmq

import kernel_frames as frames
from kernel_wire import ReadyProbe, Signer, Writer, resident_bytes, unbounded

DELIMITER = b"<IDS|MSG>"
CHANNELS = {frames.SHELL: "shell", frames.CONTROL_CHANNEL: "control", frames.STDIN: "stdin"}
RICH_TYPES = {"display_data", "execute_result", "update_display_data", "comm_open", "comm_msg"}
PROTOCOL_VERSION = "5.3"
TAIL_FRAME_CHARS = 10 * 1024
PROTOCOL_FAILED = 123


class Bridge:
    """Owns the three threads. `interrupt` and `ping` are answered by the reader, so they work while the main thread is busy."""

    def __init__(self, lifeline, out, caps, gate):
        self._lifeline = lifeline
        self._caps = caps
        self._gate = gate
        self.writer = Writer(out, gate)
        self._main_thread = threading.main_thread().ident
        self._started = threading.Event()
        self._start = None
        self._outbox = None
        self._wrong_signatures = 0
        self.is_ending = False

    # -- start

    def begin(self, hello):
        self.writer.start()
        self.writer.control("hello", **hello)
        threading.Thread(target=self._read, name="sidecar-reader", daemon=True).start()

    def wait_for_start(self):
        self._started.wait()
        return self._start

    def connect(self, context, endpoints, key):
        """Connects to ipykernel's sockets; the poller starts with them."""
        self._signer = Signer(key)
        self._session = uuid.uuid4().hex
        identity = uuid.uuid4().hex.encode()
        self._dealers = {}
        for channel, name in CHANNELS.items():
            socket = unbounded(context.socket(zmq.DEALER))
            socket.identity = identity
            socket.connect(endpoints[name])
            self._dealers[channel] = socket
        self._iopub = unbounded(context.socket(zmq.SUB))
        self._iopub.subscribe(b"")
        self._iopub.connect(endpoints["iopub"])
        self._inbox = unbounded(context.socket(zmq.PULL))
        self._inbox.bind("inproc://sidecar-inbox")
        self._outbox = unbounded(context.socket(zmq.PUSH))
        self._outbox.connect("inproc://sidecar-inbox")

    def announce_when_ready(self):
        threading.Thread(target=self._poll, name="sidecar-poller", daemon=True).start()

    # -- reader: the host speaks

    def _read(self):
        try:
            while True:
                kind, channel, parts = frames.read_frame(self._read_exactly)
                if kind == frames.MESSAGE:
                    self._forward(channel, parts)
                else:
                    self._obey(frames.read_control(parts[0]))
        except frames.ProtocolError as error:
            os.write(2, f"sidecar kernel: protocol: {error}\n".encode())
            os._exit(PROTOCOL_FAILED)

    def _read_exactly(self, size):
        pieces = []
        while size > 0:
            try:
                piece = os.read(self._lifeline, min(size, 1 << 20))
            except InterruptedError:
                continue
            except OSError:
                piece = b""
            if piece == b"":
                os._exit(124)  # the host is gone
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _forward(self, channel, parts):
        if self._outbox is None or channel == frames.IOPUB:
            raise frames.ProtocolError("message before ready, or on iopub")
        self._outbox.send_multipart([bytes([channel]), *parts])

    def _obey(self, request):
        op = request["op"]
        if op == "start" and not self._started.is_set():
            self._start = request
            self._started.set()
        elif op == "interrupt":
            self.interrupt()
            self.writer.control("interrupted")
        elif op == "ping":
            self.writer.control("pong", id=request.get("id"), queued_bytes=self._gate.queued,
                                gate="open" if self._gate.is_open else "closed", rss_bytes=resident_bytes(),
                                dropped=self._caps.dropped_messages + self._wrong_signatures)
        elif op == "shutdown":
            self._shut_down(bool(request.get("restart")))
        else:
            raise frames.ProtocolError("unknown or repeated op")

    def interrupt(self):
        """SIGINT to the group, then to the main thread, so that sleeps end there and nowhere else; both count as one."""
        if sys.platform == "win32":
            try:
                signal.raise_signal(signal.SIGINT)
            except OSError:
                import _thread
                _thread.interrupt_main()
            return
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGINT)
        signal.pthread_kill(self._main_thread, signal.SIGINT)

    def _shut_down(self, restart):
        self.is_ending = True
        if self._outbox is None:
            os._exit(0)
        self._outbox.send_multipart([bytes([frames.CONTROL_CHANNEL]), *self._own_message("shutdown_request", {"restart": restart})])

    def _own_message(self, kind, content):
        header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "username": "sidecar", "session": self._session,
                  "date": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime()), "version": PROTOCOL_VERSION}
        return [json.dumps(header).encode(), b"{}", b"{}", json.dumps(content).encode()]

    # -- poller: ipykernel speaks

    def _poll(self):
        poller = zmq.Poller()
        sources = {**{socket: channel for channel, socket in self._dealers.items()}, self._iopub: frames.IOPUB}
        for socket in [self._inbox, *sources]:
            poller.register(socket, zmq.POLLIN)
        self._ready_probe = ReadyProbe(self._own_message("kernel_info_request", {}))
        # Subscribed once the welcome is here: from then on no message can be missed.
        while True:
            for socket, _event in poller.poll():
                if socket is self._inbox:
                    self._send_on(self._inbox.recv_multipart())
                else:
                    self._receive(sources[socket], socket)

    def _receive(self, channel, socket):
        """All that waits on one socket, at most a batch, so that no channel starves another."""
        for _ in range(256):
            try:
                received = socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if channel == frames.IOPUB:
                self._gate.received()
            parts = self._verified(received)
            if parts is not None:
                self._pass_on(channel, parts)

    def _send_on(self, message):
        channel, parts = message[0][0], message[1:]
        self._dealers[channel].send_multipart([DELIMITER, self._signer.sign(parts), *parts])

    def _verified(self, received):
        try:
            at = received.index(DELIMITER)
        except ValueError:
            self._wrong_signatures += 1
            return None
        signature, parts = received[at + 1], received[at + 2:]
        if len(parts) < frames.MESSAGE_PARTS or not self._signer.is_valid(signature, parts):
            self._wrong_signatures += 1
            return None
        return parts

    def _pass_on(self, channel, parts):
        header = json.loads(parts[0])
        if self._ready_probe is not None:
            self._probe(channel, header, parts)
            return
        kind = header.get("msg_type")
        if channel == frames.IOPUB:
            if kind == "iopub_welcome":
                return
            if kind in RICH_TYPES or kind == "status":
                parent = json.loads(parts[1]).get("msg_id", "")
                if kind == "status":
                    self._report_drops(parent, json.loads(parts[3]))
                elif not self._caps.take_rich(parent, sum(map(len, parts))):
                    return
        try:
            frame = frames.encode(frames.MESSAGE, channel, parts)
        except frames.ProtocolError:
            self._caps.dropped_messages += 1
            return
        self.writer.put(frame)

    def _report_drops(self, parent, content):
        if content.get("execution_state") != "idle":
            return
        for report in self._caps.take_report(parent):
            tail = report.pop("tail")
            pieces = [tail[at:at + TAIL_FRAME_CHARS] for at in range(0, len(tail), TAIL_FRAME_CHARS)] or [""]
            for number, piece in enumerate(pieces):
                counted = report if number == 0 else {**report, "bytes": 0, "messages": 0}
                self.writer.control("dropped", parent_id=parent, **counted, tail=piece)

    def _probe(self, channel, header, parts):
        probe = self._ready_probe
        if probe.sees(channel, header, parts):
            self._send_on([bytes([frames.SHELL]), *probe.request])
        if probe.is_done:
            self._ready_probe = None
            self.writer.control("ready", content=probe.content)
