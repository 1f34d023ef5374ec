"""The launcher on Linux and macOS: subreaper, death of the parent, watched limits, proof that the tree is empty."""
import ctypes
import fcntl
import os
import select
import signal
import sys
import time

from launcher import LineReader, encode
from process_table import system_table
from tree_watch import TreeWatch

HOST = 3
POLL_SECONDS = 0.02
KILL_SECONDS = 2.0
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def launch(_run_folder, command):
    """Runs the command to its end and says how it ended."""
    return Launcher(command).run()


class Launcher:
    """State of one child."""

    def __init__(self, command):
        self._command = command
        self._reader = LineReader()
        self._status = None
        self._reaped_cpu = 0.0
        self._killing = False
        self._host_gone = False
        self._table = system_table()
        self._watch = TreeWatch(self._table, os.getpid())

    def run(self):
        parent = os.getppid()
        self._wake, wake_write = os.pipe()
        for end in (self._wake, wake_write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._lose_host())
        fcntl.fcntl(HOST, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        self._parent_queue = self._follow_parent(parent)
        self._child = self._start()
        self._tell("started", pid=self._child, start_time=self._table.start_time(self._child))
        self._leave_stdio()
        while self._status is None:
            self._step()
        survivors = self._end_tree()
        self._finish(survivors)
        return 0

    def _follow_parent(self, parent):
        if sys.platform == "linux":
            _prctl(PR_SET_CHILD_SUBREAPER, 1)
            _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)
            return None
        queue = select.kqueue()
        queue.control([select.kevent(parent, filter=select.KQ_FILTER_PROC, flags=select.KQ_EV_ADD, fflags=select.KQ_NOTE_EXIT)], 0)
        return queue

    def _start(self):
        launcher = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            if sys.platform == "linux":
                _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != launcher:
                    os._exit(1)
            os.execv(self._command[0], self._command)
        except OSError as error:
            os.write(2, f"sidecar launcher: {error}\n".encode())
        finally:
            os._exit(126)

    def _leave_stdio(self):
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        os.close(null)

    def _step(self):
        armed = self._watch.limits is not None
        waiting = [HOST, self._wake] + ([self._parent_queue] if self._parent_queue else [])
        readable, _, _ = select.select([] if self._host_gone else waiting, [], [], POLL_SECONDS if armed or self._host_gone else 1.0)
        if self._wake in readable:
            os.read(self._wake, 4096)
        if HOST in readable:
            self._read_host()
        if self._parent_queue in readable:
            self._lose_host()
        self._reap()
        if self._status is None and not self._killing and (armed or self._watch.peak_bytes == 0):
            hit = self._watch.poll(self._reaped_cpu)
            if hit:
                self._tell("limit", **hit)
                self._kill()

    def _read_host(self):
        try:
            received = os.read(HOST, 65536)
        except OSError:
            received = b""
        if received == b"":
            return self._lose_host()
        for message in self._reader.feed(received):
            if message.get("op") == "arm":
                self._watch.arm(message["limits"])
            elif message.get("op") == "kill":
                self._kill()

    def _lose_host(self):
        self._host_gone = True
        self._kill()

    def _reap(self):
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            self._reaped_cpu += (usage.ru_utime + usage.ru_stime) * 1000
            if pid == self._child:
                self._status = status

    def _kill(self):
        self._killing = True
        for pid in self._watch.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass  # ended meanwhile

    def _end_tree(self):
        """Kills and reaps until nothing of the tree is left; the number that would not go within the bound."""
        end = time.monotonic() + KILL_SECONDS
        while True:
            self._kill()
            has_children = self._reap()
            left = self._watch.pids()
            if not left and not (has_children and sys.platform == "linux"):
                return 0
            if time.monotonic() > end:
                return len(left)
            time.sleep(0.002)

    def _finish(self, survivors):
        code, number = (None, os.WTERMSIG(self._status)) if os.WIFSIGNALED(self._status) else (os.WEXITSTATUS(self._status), None)
        self._tell("exited", code=code, signal=signal.Signals(number).name if number else None,
                   cpu_ms=round(max(self._watch.cpu_ms, self._reaped_cpu)), peak_bytes=self._watch.peak_bytes,
                   peak_processes=self._watch.peak_processes, survivors=survivors)

    def _tell(self, event, **facts):
        try:
            os.write(HOST, encode(event, **facts))
        except OSError:
            pass  # the host is gone; its end of the pipe is what tells us to end the tree


def _prctl(option, value):
    ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.c_ulong(int(value)), 0, 0, 0)
