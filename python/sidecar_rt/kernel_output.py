"""What a cell may put out: the bounded output stream, the gate in front of a slow host, and the caps of each cell."""
import array
import codecs
import collections
import contextlib
import os
import select
import threading
import time

from ipykernel.iostream import OutStream

try:
    import fcntl
    import termios
except ImportError:  # Windows
    fcntl = termios = None

HIGH_BYTES = 4 * 1024 * 1024
LOW_BYTES = 1024 * 1024
HIGH_MESSAGES = 1000
LOW_MESSAGES = 250
GATE_STEP_S = 0.1
TAIL_CHARS = 128 * 1024
TAIL_FRAME_BYTES = 56 * 1024
KEPT_CELLS = 64
PIECE_CHARS = 256 * 1024
DRAIN_S = 0.2
BURST_S = 0.02


class Gate:
    """Holds writers back while too much is on its way: bytes to the host, or messages between ipykernel and the bridge."""

    def __init__(self):
        self._lock = threading.Lock()
        self._open = threading.Event()
        self._open.set()
        self.queued = 0
        self._published = 0

    @property
    def is_open(self):
        return self._open.is_set()

    def add(self, size):
        self._change(size, 0)

    def remove(self, size):
        self._change(-size, 0)

    def published(self):
        self._change(0, 1)

    def received(self):
        self._change(0, -1)

    def wait(self):
        """Interruptible: a KeyboardInterrupt gets through at once, at no CPU."""
        while not self._open.wait(GATE_STEP_S):
            pass

    def _change(self, size, messages):
        with self._lock:
            self.queued += size
            self._published = max(0, self._published + messages)
            if self.queued > HIGH_BYTES or self._published > HIGH_MESSAGES:
                self._open.clear()
            elif self.queued < LOW_BYTES and self._published < LOW_MESSAGES:
                self._open.set()


class CellTotals:
    """What one cell has put out, and what its caps removed."""

    def __init__(self):
        self.text = 0
        self.rich = 0
        self.dropped = {}
        self.tails = {}

    def drop(self, name, size, tail=""):
        counted = self.dropped.setdefault(name, {"bytes": 0, "messages": 0})
        counted["bytes"] += size
        counted["messages"] += 1
        if tail:
            self.tails.setdefault(name, Tail()).add(tail)


class Tail:
    """The last characters of a stream."""

    def __init__(self):
        self._pieces = collections.deque()
        self._size = 0

    def add(self, text):
        text = text[-TAIL_CHARS:]
        self._pieces.append(text)
        self._size += len(text)
        while self._size - len(self._pieces[0]) >= TAIL_CHARS:
            self._size -= len(self._pieces.popleft())

    def text(self):
        return "".join(self._pieces)[-TAIL_CHARS:]


class Caps:
    """Counts per cell. A cell over its caps is dropped and counted; the host hears of it before the cell's idle."""

    def __init__(self):
        self.text_bytes = 8 * 1024 * 1024
        self.rich_bytes = 32 * 1024 * 1024
        self.message_bytes = 8 * 1024 * 1024
        self.dropped_messages = 0
        self._lock = threading.Lock()
        self._cells = collections.OrderedDict()

    def configure(self, limits):
        for name in ("text_bytes", "rich_bytes", "message_bytes"):
            if isinstance(limits.get(name), int):
                setattr(self, name, limits[name])

    def _cell(self, parent):
        cell = self._cells.get(parent)
        if cell is None:
            cell = self._cells[parent] = CellTotals()
            if len(self._cells) > KEPT_CELLS:
                self._cells.popitem(last=False)
        return cell

    def take_text(self, parent, name, text):
        """The part of the text that still goes out."""
        with self._lock:
            cell = self._cell(parent)
            room = self.text_bytes - cell.text
            size = size_of(text)
            if size <= room:
                cell.text += size
                return text
            kept = "" if room <= 0 else text[:room if text.isascii() else room // 4]
            cell.text = self.text_bytes
            self.dropped_messages += 1
            cell.drop(name, size - size_of(kept), text[len(kept):][-TAIL_CHARS:])
            return kept

    def take_rich(self, parent, size):
        """True when a display of this size still goes out."""
        with self._lock:
            cell = self._cell(parent)
            if size <= self.message_bytes and cell.rich + size <= self.rich_bytes:
                cell.rich += size
                return True
            self.dropped_messages += 1
            cell.drop("rich", size)
            return False

    def take_report(self, parent):
        """What was removed of a cell since the last report: stream, bytes, messages and tail."""
        with self._lock:
            cell = self._cells.get(parent)
            if cell is None or not cell.dropped:
                return []
            report = [{"stream": name, **counted, "tail": cell.tails[name].text() if name in cell.tails else ""}
                      for name, counted in cell.dropped.items()]
            cell.dropped, cell.tails = {}, {}
            return report


def size_of(text):
    """Bytes of a text in UTF-8, without a copy of all of it."""
    if text.isascii():
        return len(text)
    return sum(len(text[at:at + PIECE_CHARS].encode("utf-8", "surrogatepass")) for at in range(0, len(text), PIECE_CHARS))


class BoundedOutStream(OutStream):
    """ipykernel's stream with the cell's caps, the gate and a short flush interval, which joins the flushes of a burst too."""

    flush_interval = 0.05
    _flushed_at = 0.0
    _taken = None
    caps = None
    gate = None
    native = None

    def __init__(self, session, pub_thread, name, **options):
        options["watchfd"] = False
        self._order = threading.Lock()
        super().__init__(session, pub_thread, name, **options)
        self._descriptor = 2 if name == "stderr" else 1

    def fileno(self):
        return self._descriptor

    def write(self, string):
        if not isinstance(string, str):
            raise TypeError(f"write() argument must be str, not {type(string).__name__}")
        parent = self.parent_header.get("msg_id", "") if isinstance(self.parent_header, dict) else ""
        if not self.gate.is_open:
            self.gate.wait()  # for what is dropped too: a host that does not read holds the cell, which then costs nothing
        kept = self.caps.take_text(parent, self.name, string)
        if kept:
            super().write(kept)
        return len(string)

    def flush(self):
        """Sends what was written, at once after a quiet moment; within a burst the interval's timer sends it."""
        now = time.monotonic()
        if now - self._flushed_at < BURST_S:
            return
        if self.native is not None and threading.current_thread() is threading.main_thread():
            self.native.drain()
        if self._buffers:
            self._flushed_at = now
            self._flush()
            self._wait_until_sent()

    def close(self):
        """Sends the rest first."""
        self._flush()
        self._wait_until_sent()
        super().close()

    def send_in_order(self):
        """Sends what was written before anything that is published from now on, and nothing that is written from now on."""
        if not self._buffers or self.pub_thread is None:
            return
        with self._order:
            taken = super()._rotate_buffers()
            self.pub_thread.schedule(lambda: self._send(taken))

    def _flush(self):
        thread = self.pub_thread and self.pub_thread.thread
        if thread is None or not thread.is_alive():
            super()._flush()  # a forked child, or the end
            return
        self._flush_pending = False
        self.send_in_order()

    def _send(self, taken):
        """In the publishing thread: sends a text that was taken out of the buffers."""
        self._taken = taken
        super()._flush()

    def _rotate_buffers(self):
        taken, self._taken = self._taken, None
        return super()._rotate_buffers() if taken is None else taken

    def _wait_until_sent(self):
        thread = self.pub_thread and self.pub_thread.thread
        if thread is None or not thread.is_alive() or thread is threading.current_thread():
            return
        sent = threading.Event()
        self.pub_thread.schedule(sent.set)
        sent.wait(self.flush_timeout)


class NativeOutput:
    """Publishes what native code and children write to descriptor 1 as output of the running cell."""

    def __init__(self):
        self._read, write = os.pipe()
        os.dup2(write, 1)
        os.close(write)
        self._busy = threading.Event()
        self._stream = None

    def start(self, stream):
        self._stream = stream
        threading.Thread(target=self._forward, name="sidecar-native", daemon=True).start()

    def _forward(self):
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while True:
            self._wait_for_bytes()
            self._busy.set()  # before the read: bytes are seen in the pipe or as work in hand, never in neither
            received = os.read(self._read, 65536)
            if received == b"":
                return
            with contextlib.suppress(Exception):
                self._stream.write(decoder.decode(received))
            self._busy.clear()

    def _wait_for_bytes(self):
        if os.name == "posix":
            select.select([self._read], [], [])

    def drain(self):
        """Waits until what is in the pipe has reached the stream; bounded."""
        end = time.monotonic() + DRAIN_S
        while (waiting_bytes(self._read) > 0 or self._busy.is_set()) and time.monotonic() < end:
            time.sleep(0.0005)


def waiting_bytes(descriptor):
    """Bytes that lie in a pipe; 0 where the system does not tell."""
    if fcntl is None:
        return 0
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]
