"""ipykernel without ports and files: sockets on in-process names where that can be, no heartbeat, no configuration, history in memory only."""
import contextlib
import os
import signal
import socket
import sys
import threading

import zmq
from ipykernel.iostream import IOPubThread
from ipykernel.kernelapp import IPKernelApp
from tornado.ioloop import IOLoop
from traitlets.config import Config

import kernel_output
import kernel_wire

SERVICE_THREADS = {"IOPub", "Control", "Shell channel"}
NAMES = ("shell", "stdin", "control")


class GatedIOPubThread(IOPubThread):
    """Holds the learner's threads back while the host is slow; the service threads never wait. Text that was written goes before it."""

    gate = None
    native = None
    _is_waking = False

    def send_multipart(self, *args, **kwargs):
        thread = threading.current_thread()
        if thread.name not in SERVICE_THREADS:
            self.gate.wait()
        self.gate.published()
        if thread is self.thread:  # text, in its place among what is scheduled
            self._really_send(*args, **kwargs)
            return
        self._send_text_first(thread)
        super().send_multipart(*args, **kwargs)

    def schedule(self, f):
        """One wake-up for all that is scheduled until the thread looks."""
        if not self.thread.is_alive():
            return f()
        self._events.append(f)
        if not self._is_waking:
            self._is_waking = True
            self._event_pipe.send(b"")

    def _handle_event(self, msg):
        self._is_waking = False  # before the events are counted: what comes later wakes anew
        super()._handle_event(msg)

    def _send_text_first(self, thread):
        if self.native is not None and thread is threading.main_thread():
            self.native.drain()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, kernel_output.BoundedOutStream):
                stream.send_in_order()


class SidecarKernelApp(IPKernelApp):
    """The application class of a sidecar kernel."""

    bridge = None
    private_transport = "inproc"
    run_folder = None
    caps = None
    gate = None
    native = None
    waker = None

    def load_config_file(self, *_args, **_kwargs):
        """Nothing that lies in a folder configures a kernel."""

    def init_crash_handler(self):
        """Uncaught errors of the start are told by `kernel.py`."""

    def init_connection_file(self):
        """No connection file: nobody else connects."""

    def write_connection_file(self, **_kwargs):
        """No connection file: nobody else connects."""

    def cleanup_connection_file(self):
        """No connection file: nobody else connects."""

    def log_connection_info(self):
        self._ports = {}

    def init_heartbeat(self):
        """The host watches the process itself."""

    def init_sockets(self):
        self.endpoints = {}
        super().init_sockets()
        self.bridge.connect(self.context, self.endpoints, self.session.key)

    def _bind_socket(self, bound, _port):
        name = NAMES[len(self.endpoints)] if len(self.endpoints) < len(NAMES) else "iopub"
        kernel_wire.unbounded(bound)
        self.endpoints[name] = kernel_wire.bind_endpoint(bound, self.private_transport, name, self.run_folder)
        return 0

    def init_iopub(self, context):
        publisher = context.socket(zmq.XPUB)
        self._bind_socket(publisher, 0)
        self.configure_tornado_logger()
        GatedIOPubThread.gate, GatedIOPubThread.native = self.gate, self.native
        self.iopub_thread = GatedIOPubThread(publisher, pipe=False, session=self.session)
        self.iopub_thread.start()
        self.iopub_socket = self.iopub_thread.background_socket

    def start(self):
        self.waker = wake_on_signals(IOLoop.current().asyncio_loop)
        super().start()

    def init_io(self):
        stream = kernel_output.BoundedOutStream
        stream.caps, stream.gate, stream.native = self.caps, self.gate, self.native
        super().init_io()
        self.native.start(sys.stdout)


def wake_on_signals(loop):
    """A signal wakes the event loop: ipykernel's handler for awaiting cells only queues a callback, which a sleeping loop does not see."""
    if sys.platform == "win32":
        return None  # its event loop watches no sockets, and wakes by itself for a signal
    receiver, sender = socket.socketpair()
    receiver.setblocking(False)
    sender.setblocking(False)

    def drain():
        with contextlib.suppress(BlockingIOError):
            while receiver.recv(256):
                pass

    loop.add_reader(receiver, drain)
    signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    return sender  # the caller keeps it open


def create_app(bridge, output, run_folder, transport):
    """Makes and initialises the kernel; nothing of the workspace is read."""
    caps, gate, native = output
    SidecarKernelApp.run_folder, SidecarKernelApp.private_transport = run_folder, transport
    SidecarKernelApp.bridge, SidecarKernelApp.caps, SidecarKernelApp.gate, SidecarKernelApp.native = bridge, caps, gate, native
    config = Config()
    config.HistoryManager.hist_file = ":memory:"
    config.InteractiveShellApp.exec_PYTHONSTARTUP = False
    config.IPKernelApp.ignore_cwd = True
    config.IPKernelApp.outstream_class = "kernel_output.BoundedOutStream"
    config.IPKernelApp.log_level = 50
    config.ZMQInteractiveShell.colors = "nocolor"
    theirs = os.environ.get("IPYTHONDIR")
    os.environ["IPYTHONDIR"] = os.path.join(run_folder, "ipython")  # empty: no profile of the learner's home is read
    app = SidecarKernelApp.instance(config=config, transport="ipc")
    app.session.key = os.urandom(32).hex().encode()
    app.initialize([])
    if theirs is not None:
        os.environ["IPYTHONDIR"] = theirs
    return app
