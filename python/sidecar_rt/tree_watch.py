"""Decides when a tree has passed its limits. Reads the process table, kills nothing."""
from process_table import descendants


class TreeWatch:
    """Usage of one tree, poll by poll. `reaped_cpu_ms` is what ended children have used."""

    def __init__(self, table, root):
        self._table = table
        self._root = root
        self._sessions = set()
        self._groups = set()
        self._cpu_at_arm = 0
        self.limits = None
        self.peak_bytes = 0
        self.peak_processes = 0
        self.cpu_ms = 0

    def arm(self, limits):
        """Limits count from here on."""
        self.limits = limits
        self._cpu_at_arm = self.cpu_ms

    def pids(self):
        """The tree without its root. Sessions and groups once seen still belong to it when a parent is gone."""
        entries = self._table.entries()
        found = descendants(entries, self._root, self._sessions, self._groups)
        for entry in entries:
            if entry.pid in found:
                self._sessions.add(entry.session)
                self._groups.add(entry.group)
        own = {(entry.session, entry.group) for entry in entries if entry.pid == self._root}
        for session, group in own:
            self._sessions.discard(session)
            self._groups.discard(group)
        return found

    def poll(self, reaped_cpu_ms=0):
        """Measures; the first limit that is passed, or None."""
        pids = self.pids()
        memory = sum(self._table.memory(pid) for pid in pids)
        threads = sum(self._table.threads(pid) for pid in pids)
        self.cpu_ms = max(self.cpu_ms, reaped_cpu_ms + sum(self._table.cpu_ms(pid) for pid in pids))
        self.peak_bytes = max(self.peak_bytes, memory)
        self.peak_processes = max(self.peak_processes, len(pids))
        if self.limits is None:
            return None
        used = self.cpu_ms - self._cpu_at_arm
        for kind, value, limit in (("memory", memory, self.limits.get("memoryBytes")), ("processes", threads, self.limits.get("threads")),
                                   ("cpu", used, self.limits.get("cpuMs"))):
            if limit is not None and value > limit:
                return {"kind": kind, "value": int(value), "limit": int(limit)}
        return None
