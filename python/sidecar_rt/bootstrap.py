"""First steps of every guarded program: descriptors, restriction, limits, lifeline. Nothing of the workspace runs before `ready`."""
import json
import os
import signal
import sys
import threading

GUARD_FAILED = 125
HOST_GONE = 124
PRIVATE_DESCRIPTOR = 64


class Guarded:
    """What a program holds after `prepare`."""

    def __init__(self, policy, lifeline):
        self.policy = policy
        self.lifeline = lifeline
        self.interrupts = 0
        self._main_thread = threading.main_thread().ident
        self._gate = None

    def limit(self, limits):
        """Sets the rlimits of a run for this process and all that it starts; they can not be raised again."""
        if sys.platform != "win32":
            _limit_resources(limits, self.policy)

    def use_workspace(self):
        """Puts the workspace first and installed packages last on the import path; the expert lane has neither."""
        if self.policy["lane"] == "expert":
            return
        sys.path.insert(0, self.policy["workspace"])
        if self.policy.get("packages"):
            sys.path.append(self.policy["packages"])

    def lower_integrity(self):
        """Windows without an AppContainer: gives up write access to the rest of the system, after the imports."""
        if self.policy.get("low_integrity"):
            from windows_token import lower_own_integrity
            lower_own_integrity()

    def prepare_watch(self):
        """Starts the thread of the lifeline ahead of time, since that takes longer than many programs run; it waits for `watch_lifeline`."""
        self._gate = threading.Lock()
        self._gate.acquire()
        self._start_watch(None)

    def watch_lifeline(self, on_byte=None):
        """Reads the lifeline for ever: `I` interrupts the main thread, the end of the stream ends the process."""
        if self._gate is None:
            self._start_watch(on_byte)
        else:
            self._gate.release()

    def _start_watch(self, on_byte):
        threading.Thread(target=self._watch, args=(on_byte,), name="sidecar-lifeline", daemon=True).start()

    def _watch(self, on_byte):
        if self._gate is not None:
            self._gate.acquire()
        while True:
            try:
                received = os.read(self.lifeline, 1)
            except InterruptedError:
                continue
            except OSError:
                received = b""
            if received == b"":
                os._exit(HOST_GONE)
            if received == b"I":
                self.interrupts += 1
                self.interrupt_main()
            elif on_byte is not None:
                on_byte(received)

    def interrupt_main(self):
        """KeyboardInterrupt in the main thread; on POSIX it also ends sleeps."""
        if sys.platform == "win32":
            signal.raise_signal(signal.SIGINT)
        else:
            signal.pthread_kill(self._main_thread, signal.SIGINT)


def prepare(run_folder):
    """Reads the policy, closes strays, makes the private lifeline and restricts this process. Ends it when a guard fails."""
    try:
        policy = _take_policy(run_folder)
        _close_strays()
        lifeline = _private_duplicate(0)
        _restrict(policy)
    except Exception as error:
        os.write(2, f"sidecar guard: {type(error).__name__}: {error}\n".encode("utf-8", "backslashreplace"))
        os._exit(GUARD_FAILED)
    return Guarded(policy, lifeline)


def start_facts():
    """Pid and start time of this process as it sees itself, and the version of Python."""
    return {"pid": os.getpid(), "start_time": _own_start_time(), "python": ".".join(map(str, sys.version_info[:3]))}


def _own_start_time():
    try:
        with open("/proc/self/stat", "rb") as stat:
            return int(stat.read().rpartition(b")")[2].split()[19])
    except OSError:
        return 0


def _take_policy(run_folder):
    path = os.path.join(run_folder, "guard.json")
    with open(path, "rb") as file:
        policy = json.load(file)
    os.unlink(path)
    return policy


def _close_strays():
    if sys.platform == "win32":
        return
    for listing in ("/proc/self/fd", "/dev/fd"):
        try:
            numbers = [int(name) for name in os.listdir(listing)]
        except OSError:
            continue
        for number in numbers:
            if number > 2:
                _close_quietly(number)
        return
    os.closerange(3, 4096)


def _close_quietly(number):
    try:
        os.close(number)
    except OSError:
        pass  # the listing's own descriptor is among them


def _private_duplicate(number):
    if sys.platform == "win32":
        copy = os.dup(number)
        os.set_inheritable(copy, False)
        return copy
    import fcntl
    return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, PRIVATE_DESCRIPTOR)


def _restrict(policy):
    if sys.platform != "win32":
        import resource
        os.nice(5)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if hasattr(resource, "RLIMIT_MEMLOCK"):
            _lower(resource, resource.RLIMIT_MEMLOCK, 64 * 1024)
    landlock = policy.get("landlock")
    if landlock:
        from landlock import apply_seccomp, restrict_files
        restrict_files(landlock)
        if landlock.get("seccomp"):
            import base64
            apply_seccomp(base64.b64decode(landlock["seccomp"]))


def _limit_resources(limits, policy):
    import resource
    _lower(resource, resource.RLIMIT_FSIZE, limits["fileBytes"])
    _lower(resource, resource.RLIMIT_NOFILE, limits["openFiles"])
    if policy.get("limit_processes"):
        _lower(resource, resource.RLIMIT_NPROC, limits["threads"])
    if sys.platform == "linux":
        _lower(resource, resource.RLIMIT_AS, limits["memoryBytes"] + (1 << 30))
    if limits.get("cpuMs"):
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(used.ru_utime + used.ru_stime + limits["cpuMs"] / 1000) + 1
        _lower(resource, resource.RLIMIT_CPU, seconds, seconds + 1)


def _lower(resource, which, soft, hard=None):
    hard = soft if hard is None else hard
    _soft, ceiling = resource.getrlimit(which)
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(which, (soft, hard))
