"""The streams of a worker: what the program reads and where its text goes."""
import linecache
import os
import sys
import threading
import warnings

import worker_trace

PRIVATE_ERRORS = 65


def print_text(text):
    """Text of ours on the program's stderr, in order with what it printed."""
    try:
        sys.stdout.flush()
    except BaseException:
        pass  # closed or replaced by the program
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except BaseException:
        write_all(2, text.encode("utf-8", "backslashreplace"))


def give_input(text, run_folder):
    """Descriptor 0 becomes a nameless file with the input, or the null device."""
    source = os.open(os.devnull, os.O_RDONLY) if text == "" else _nameless_file(text, os.path.join(run_folder, "stdin"))
    os.dup2(source, 0)
    os.close(source)
    sys.stdin = sys.__stdin__ = open(0, "r", encoding="utf-8", errors="backslashreplace", closefd=False)


def _nameless_file(text, path):
    # O_TEMPORARY: Windows removes the file with its last handle; elsewhere the name goes at once.
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_TEMPORARY", 0) | getattr(os, "O_BINARY", 0)
    source = os.open(path, flags, 0o600)
    if not hasattr(os, "O_TEMPORARY"):
        os.unlink(path)
    write_all(source, text.encode("utf-8", "replace"))
    os.lseek(source, 0, os.SEEK_SET)
    return source


def arrange():
    """Before the job, off its clock: a stop loses no finished line, and the warning about our own thread is left out."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    # The second thread is ours; it touches nothing that a forked child needs.
    warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork", category=DeprecationWarning)


def install_hooks(places):
    """Errors of threads and warnings name the learner's files as tracebacks do."""
    def report(arguments):
        if arguments.exc_type is SystemExit or arguments.exc_value is None:
            return
        name = getattr(arguments.thread, "name", "?")
        print_text(f"Exception in thread {name}:\n{worker_trace.render(arguments.exc_value, places)}")
    threading.excepthook = report
    plain = warnings.formatwarning

    def format_warning(message, category, filename, lineno, line=None):
        return plain(message, category, places.name_of(filename) or filename, lineno, line or linecache.getline(filename, lineno))
    warnings.formatwarning = format_warning


def private_errors():
    """A copy of descriptor 2 that closing 2 does not end and that no child inherits."""
    if sys.platform == "win32":
        return os.dup(2)
    import fcntl
    return fcntl.fcntl(2, fcntl.F_DUPFD_CLOEXEC, PRIVATE_ERRORS)


def write_all(descriptor, content):
    """Writes all bytes, or as many as somebody reads."""
    try:
        while content:
            content = content[os.write(descriptor, content):]
    except OSError:
        pass  # nobody reads any more


def close(descriptor):
    """Closes a descriptor that may be closed already."""
    try:
        os.close(descriptor)
    except OSError:
        pass
