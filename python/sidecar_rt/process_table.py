"""What the launcher knows of other processes: parents, memory, processor time. Linux reads /proc, macOS asks libproc."""
import ctypes
import os
import sys
from collections import namedtuple

Entry = namedtuple("Entry", "pid parent group session")

PROC_ALL_PIDS, PROC_PIDTBSDINFO, RUSAGE_INFO_V4 = 1, 3, 4
BSDINFO_BYTES, BSDINFO_PARENT, BSDINFO_GROUP = 136, 16, 100
RUSAGE_BYTES, RUSAGE_USER, RUSAGE_SYSTEM, RUSAGE_FOOTPRINT, RUSAGE_PEAK = 296, 16, 24, 72, 240


def descendants(entries, root, sessions=(), groups=()):
    """Every pid below `root`, and every pid in one of the sessions or groups that the tree was seen in; without `root`."""
    children = {}
    for entry in entries:
        children.setdefault(entry.parent, []).append(entry.pid)
    found = {entry.pid for entry in entries if entry.session in sessions or entry.group in groups}
    waiting = [root, *found]
    while waiting:
        for pid in children.get(waiting.pop(), ()):
            if pid not in found:
                found.add(pid)
                waiting.append(pid)
    found.discard(root)
    return found


class LinuxTable:
    """Processes by /proc."""

    page = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
    tick_ms = 1000 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 10

    def entries(self):
        result = []
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            fields = self._stat(name)
            if fields and fields[0] not in (b"Z", b"X"):
                result.append(Entry(int(name), int(fields[1]), int(fields[2]), int(fields[3])))
        return result

    def memory(self, pid):
        """Resident bytes without what is shared with files."""
        try:
            with open(f"/proc/{pid}/statm", "rb") as file:
                _size, resident, shared, *_rest = file.read().split()
            with open(f"/proc/{pid}/status", "rb") as file:
                shared_memory = next((int(line.split()[1]) * 1024 for line in file if line.startswith(b"RssShmem:")), 0)
        except (OSError, ValueError):
            return 0
        return (int(resident) - int(shared)) * self.page + shared_memory

    def cpu_ms(self, pid):
        fields = self._stat(pid)
        return (int(fields[11]) + int(fields[12])) * self.tick_ms if fields else 0

    def threads(self, pid):
        fields = self._stat(pid)
        return int(fields[17]) if fields else 0

    def start_time(self, pid):
        fields = self._stat(pid)
        return int(fields[19]) if fields else 0

    @staticmethod
    def _stat(pid):
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                return file.read().rpartition(b")")[2].split()
        except OSError:
            return None


class MacTable:
    """Processes by libproc. Memory is the physical footprint, which also counts compressed pages."""

    def __init__(self, library=None):
        self._library = library or ctypes.CDLL("/usr/lib/libproc.dylib", use_errno=True)

    def entries(self):
        count = self._library.proc_listallpids(None, 0)
        pids = (ctypes.c_int32 * (count + 64))()
        count = self._library.proc_listallpids(pids, ctypes.sizeof(pids))
        return [entry for entry in (self._entry(pid) for pid in pids[:max(0, count)]) if entry]

    def _entry(self, pid):
        block = ctypes.create_string_buffer(BSDINFO_BYTES)
        if self._library.proc_pidinfo(pid, PROC_PIDTBSDINFO, ctypes.c_uint64(0), block, BSDINFO_BYTES) != BSDINFO_BYTES:
            return None
        parent, group = read_bsdinfo(block.raw)
        try:
            session = os.getsid(pid)
        except OSError:
            session = 0
        return Entry(pid, parent, group, session)

    def memory(self, pid):
        usage = self._usage(pid)
        return usage["footprint"] if usage else 0

    def cpu_ms(self, pid):
        usage = self._usage(pid)
        return usage["cpu_ms"] if usage else 0

    def threads(self, pid):
        return 1

    def start_time(self, pid):
        block = ctypes.create_string_buffer(BSDINFO_BYTES)
        if self._library.proc_pidinfo(pid, PROC_PIDTBSDINFO, ctypes.c_uint64(0), block, BSDINFO_BYTES) != BSDINFO_BYTES:
            return 0
        return int.from_bytes(block.raw[120:128], "little")

    def _usage(self, pid):
        block = ctypes.create_string_buffer(RUSAGE_BYTES)
        return read_rusage(block.raw) if self._library.proc_pid_rusage(pid, RUSAGE_INFO_V4, block) == 0 else None


def read_bsdinfo(raw):
    """Parent and group of a `struct proc_bsdinfo`."""
    at = lambda offset: int.from_bytes(raw[offset:offset + 4], "little")
    return at(BSDINFO_PARENT), at(BSDINFO_GROUP)


def read_rusage(raw):
    """Footprint, peak and processor time of a `struct rusage_info_v4`."""
    at = lambda offset: int.from_bytes(raw[offset:offset + 8], "little")
    return {"footprint": at(RUSAGE_FOOTPRINT), "peak": at(RUSAGE_PEAK), "cpu_ms": (at(RUSAGE_USER) + at(RUSAGE_SYSTEM)) / 1e6}


def system_table():
    """The table of this system."""
    return MacTable() if sys.platform == "darwin" else LinuxTable()
