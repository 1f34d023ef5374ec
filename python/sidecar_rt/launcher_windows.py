"""The launcher on Windows: a job with limits, an AppContainer or a low process, and the host's line on descriptor 3."""
import ctypes
import json
import os
import subprocess
import threading

from launcher import LineReader, encode
from windows_layouts import (
    ASSOCIATE_COMPLETION_PORT, BASIC_ACCOUNTING, BASIC_UI_RESTRICTIONS, CHILD_PROCESS_POLICY, CHILD_PROCESS_RESTRICTED, CREATE_NO_WINDOW,
    CREATE_UNICODE_ENVIRONMENT, EXTENDED_LIMITS, EXTENDED_STARTUPINFO_PRESENT, HANDLE_LIST, JOB_LIST, MESSAGES,
    SECURITY_CAPABILITIES_ATTRIBUTE, STARTF_USESTDHANDLES, UI_LIMITS_ALL, Accounting, CompletionPort, ExtendedLimits, ProcessInformation,
    SecurityCapabilities, StartupInfoEx, attribute_plan, environment_block, exit_facts, job_limits,
)

HOST = 3
POLL_MS = 20
KILLED = 0xFFFFFFF7
STILL_ACTIVE_WAIT = 0x102


def launch(run_folder, command):
    """Runs the command in a job and says how it ended."""
    with open(os.path.join(run_folder, "launch.json"), encoding="utf-8") as file:
        plan = json.load(file)
    return JobLauncher(plan, command).run()


class JobLauncher:
    """State of one child and its job."""

    def __init__(self, plan, command):
        self._plan = plan
        self._command = command
        self._kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        for name in ("CreateJobObjectW", "CreateIoCompletionPort", "GetCurrentProcess"):
            getattr(self._kernel, name).restype = ctypes.c_void_p
        self._kept = []

    def run(self):
        self._make_job()
        if self._plan["mode"] == "low_integrity":
            from windows_access import label_low
            label_low(self._plan)
        process = self._start()
        self._tell("started", pid=process.pid, start_time=self._start_time(process.process))
        threading.Thread(target=self._follow_host, daemon=True).start()
        while self._kernel.WaitForSingleObject(ctypes.c_void_p(process.process), 0) == STILL_ACTIVE_WAIT:
            self._take_message()
        while self._take_message(0):
            pass
        code = ctypes.c_uint32()
        self._kernel.GetExitCodeProcess(ctypes.c_void_p(process.process), ctypes.byref(code))
        self._terminate()
        self._finish(code.value)
        return 0

    def _make_job(self):
        self._job = ctypes.c_void_p(self._kernel.CreateJobObjectW(None, None))
        self._port = ctypes.c_void_p(self._kernel.CreateIoCompletionPort(ctypes.c_void_p(-1), None, ctypes.c_void_p(1), 1))
        self._set(EXTENDED_LIMITS, job_limits(self._plan["limits"], self._plan["forbid_children"]))
        self._set(BASIC_UI_RESTRICTIONS, ctypes.c_uint32(UI_LIMITS_ALL))
        self._set(ASSOCIATE_COMPLETION_PORT, CompletionPort(1, self._port.value))

    def _set(self, kind, block):
        if not self._kernel.SetInformationJobObject(self._job, kind, ctypes.byref(block), ctypes.sizeof(block)):
            raise ctypes.WinError(ctypes.get_last_error())

    def _start(self):
        startup, process = StartupInfoEx(), ProcessInformation()
        startup.info.size, startup.info.flags = ctypes.sizeof(startup), STARTF_USESTDHANDLES
        handles = [self._inheritable(number) for number in (0, 1, 2)]
        startup.info.stdin, startup.info.stdout, startup.info.stderr = handles
        startup.attributes = self._attributes(handles)
        line = ctypes.create_unicode_buffer(subprocess.list2cmdline(self._command))
        environment = ctypes.create_unicode_buffer(environment_block(self._plan["environment"]))
        flags = CREATE_NO_WINDOW | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT
        if not self._kernel.CreateProcessW(self._command[0], line, None, None, True, flags, environment, self._plan["cwd"],
                                           ctypes.byref(startup), ctypes.byref(process)):
            os.write(2, f"sidecar launcher: {ctypes.WinError(ctypes.get_last_error())}\n".encode("utf-8", "backslashreplace"))
            raise SystemExit(126)
        return process

    def _inheritable(self, number):
        import msvcrt
        own, copy = ctypes.c_void_p(self._kernel.GetCurrentProcess()), ctypes.c_void_p()
        source = ctypes.c_void_p(msvcrt.get_osfhandle(number))
        if not self._kernel.DuplicateHandle(own, source, own, ctypes.byref(copy), 0, True, 2):
            raise ctypes.WinError(ctypes.get_last_error())
        return copy.value

    def _attributes(self, handles):
        wanted = attribute_plan(self._plan["mode"], self._plan["forbid_children"])
        size = ctypes.c_size_t()
        self._kernel.InitializeProcThreadAttributeList(None, len(wanted), 0, ctypes.byref(size))
        block = ctypes.create_string_buffer(size.value)
        if not self._kernel.InitializeProcThreadAttributeList(block, len(wanted), 0, ctypes.byref(size)):
            raise ctypes.WinError(ctypes.get_last_error())
        for attribute in wanted:
            value = self._attribute_value(attribute, handles)
            self._kept.append(value)  # the list holds addresses, not copies
            if not self._kernel.UpdateProcThreadAttribute(block, 0, ctypes.c_size_t(attribute), ctypes.byref(value),
                                                          ctypes.c_size_t(ctypes.sizeof(value)), None, None):
                raise ctypes.WinError(ctypes.get_last_error())
        self._kept.append(block)
        return ctypes.addressof(block)

    def _attribute_value(self, attribute, handles):
        if attribute == HANDLE_LIST:
            return (ctypes.c_uint64 * len(handles))(*handles)
        if attribute == JOB_LIST:
            return (ctypes.c_uint64 * 1)(self._job.value)
        if attribute == CHILD_PROCESS_POLICY:
            return ctypes.c_uint32(CHILD_PROCESS_RESTRICTED)
        assert attribute == SECURITY_CAPABILITIES_ATTRIBUTE
        from windows_access import container_sid, grant_access
        sid = container_sid(self._plan["container"])
        grant_access(self._plan, sid)
        return SecurityCapabilities(sid.value, 0, 0, 0)

    def _take_message(self, wait=POLL_MS):
        number, key, block = ctypes.c_uint32(), ctypes.c_uint64(), ctypes.c_void_p()
        if not self._kernel.GetQueuedCompletionStatus(self._port, ctypes.byref(number), ctypes.byref(key), ctypes.byref(block), wait):
            return False
        kind = MESSAGES.get(number.value)
        if kind:
            limits = self._plan["limits"]
            limit = {"memory": limits["memoryBytes"], "cpu": limits.get("cpuMs") or 0, "processes": limits["processes"]}[kind]
            # A refused process is the program's own matter; memory and time end it.
            if kind != "processes":
                self._tell("limit", kind=kind, value=limit, limit=limit)
                self._terminate()
        return True

    def _follow_host(self):
        reader = LineReader()
        while True:
            try:
                received = os.read(HOST, 65536)
            except OSError:
                received = b""
            if received == b"":
                self._terminate()
                return
            for message in reader.feed(received):
                if message.get("op") == "arm":
                    self._plan["limits"] = message["limits"]
                    self._set(EXTENDED_LIMITS, job_limits(message["limits"], self._plan["forbid_children"]))
                elif message.get("op") == "kill":
                    self._terminate()

    def _terminate(self):
        self._kernel.TerminateJobObject(self._job, ctypes.c_uint32(KILLED))

    def _query(self, kind, block):
        self._kernel.QueryInformationJobObject(self._job, kind, ctypes.byref(block), ctypes.sizeof(block), None)
        return block

    def _finish(self, code):
        accounting, limits = self._query(BASIC_ACCOUNTING, Accounting()), self._query(EXTENDED_LIMITS, ExtendedLimits())
        self._tell("exited", **exit_facts(code), cpu_ms=(accounting.user_time + accounting.kernel_time) // 10_000,
                   peak_bytes=limits.peak_job_memory, peak_processes=accounting.processes, survivors=accounting.active_processes)

    def _start_time(self, process):
        created, other = ctypes.c_uint64(), ctypes.c_uint64()
        self._kernel.GetProcessTimes(ctypes.c_void_p(process), ctypes.byref(created), ctypes.byref(other), ctypes.byref(other), ctypes.byref(other))
        return created.value

    @staticmethod
    def _tell(event, **facts):
        try:
            os.write(HOST, encode(event, **facts))
        except OSError:
            pass  # the host is gone; the job closes with this process
