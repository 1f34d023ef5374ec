"""Names why a program failed, and which hints may help. The host's own facts always win over what is said here."""
import errno
import os
import re
import sys

_STARTING = {"_execute_child", "_launch", "_spawn_posix", "fork", "forkpty", "spawnv_passfds"}
_STARTING_CALL = re.compile(r"\b(fork|forkpty|vfork|posix_spawnp?|system|popen)\s*\(")
_IMPORTS = re.compile(r"^[ \t]*(?:import|from)[ \t]+(\w+)", re.MULTILINE)
_NETWORK_FILES = ("socket.py", "ssl.py", "connection.py", "client.py", "selector_events.py", "base_events.py", "socketserver.py")
_DENIED = {errno.EPERM, errno.EACCES, errno.EROFS}
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENETDOWN, errno.ECONNREFUSED}
# By name: importing the socket module takes longer than most programs run.
_NAME_ERRORS = {"gaierror", "herror"}
_STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/stdin", "/proc/self/fd/", "/dev/fd/")
KNOWN_PACKAGES = {"numpy", "pandas", "matplotlib", "openpyxl", "scipy", "sklearn", "seaborn", "requests"}


def classify(error, network_off):
    """The reason of an uncaught exception and its hints."""
    if isinstance(error, MemoryError):
        return "memory_limit", ["memory"]
    for part in _told_causes(error):
        reason, hints = _classify_one(part, network_off)
        if reason != "error" or hints:
            return reason, hints
    return "error", []


def _classify_one(error, network_off):
    if isinstance(error, RuntimeError) and "can't start new thread" in text_of(error):
        return "process_limit", []
    if isinstance(error, OSError):
        return _classify_system_error(error, network_off)
    if isinstance(error, EOFError) and text_of(error) == "EOF when reading a line":
        return "error", ["no_input"]
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("_"):
        return "error", ["missing_package"]
    if isinstance(error, UnicodeError):
        return "error", ["encoding"]
    return "error", []


def _classify_system_error(error, network_off):
    name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else None
    if error.errno in _FULL:
        return "disk_limit", []
    if error.errno in (errno.EAGAIN, errno.EPERM, errno.ENOMEM) and name is None and _was_starting(error):
        return "process_limit", []
    if error.errno == errno.ENXIO and name is not None and name.startswith(_STREAMS):
        return "error", ["dev_stdout"]
    if network_off and (type(error).__name__ in _NAME_ERRORS or error.errno in _UNREACHABLE):
        return "sandbox_denied", ["network_off"]
    if error.errno in _DENIED:
        return "sandbox_denied", ["network_off"] if name is None and _was_connecting(error) else ["outside_workspace"]
    if isinstance(error, FileNotFoundError) and name is not None and _leads_outside(name):
        return "error", ["outside_workspace"]
    return "error", []


def _told_causes(error):
    """The error, its declared causes, and errors that it carries as a reason; not what happened to be handled at the time."""
    found, waiting = [], [error]
    while waiting and len(found) < 20:
        part = waiting.pop(0)
        if any(part is known for known in found):
            continue
        found.append(part)
        inner = [part.__cause__, getattr(part, "reason", None), *(getattr(part, "exceptions", None) or ())]
        waiting += [candidate for candidate in inner if isinstance(candidate, BaseException)]
    return found


def _innermost(error):
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace


def _was_starting(error):
    trace = _innermost(error)
    if trace is None:
        return False
    if trace.tb_frame.f_code.co_name in _STARTING:
        return True
    import linecache
    return bool(_STARTING_CALL.search(linecache.getline(trace.tb_frame.f_code.co_filename, trace.tb_lineno)))


def _was_connecting(error):
    trace = error.__traceback__
    while trace is not None:
        if os.path.basename(trace.tb_frame.f_code.co_filename) in _NETWORK_FILES:
            return True
        trace = trace.tb_next
    import linecache
    trace = _innermost(error)
    return trace is not None and "socket" in linecache.getline(trace.tb_frame.f_code.co_filename, trace.tb_lineno)


def _leads_outside(name):
    here = os.path.join(os.getcwd(), "")
    return not os.path.join(os.path.abspath(name), "").startswith(here)


def shadowed_modules(source, workspace):
    """Names that the program imports and that a file of the workspace hides."""
    if not workspace:
        return []
    wanted = set(_IMPORTS.findall(source))
    return sorted(name for name in wanted if (name in sys.stdlib_module_names or name in KNOWN_PACKAGES) and _is_module(workspace, name))


def _is_module(workspace, name):
    return os.path.isfile(os.path.join(workspace, name + ".py")) or os.path.isfile(os.path.join(workspace, name, "__init__.py"))


def text_of(error):
    try:
        return str(error)
    except Exception:
        return "<exception str() failed>"
