"""The streams of a worker: what the program reads and where its text goes."""
import linecache
import os
import sys
import tempfile
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


def give_input(text):
    """Descriptor 0 becomes a nameless file with the input, or the null device."""
    if text == "":
        source = os.open(os.devnull, os.O_RDONLY)
        os.dup2(source, 0)
        os.close(source)
    else:
        with tempfile.TemporaryFile() as file:
            file.write(text.encode("utf-8", "replace"))
            file.seek(0)
            os.dup2(file.fileno(), 0)
    sys.stdin = sys.__stdin__ = open(0, "r", encoding="utf-8", errors="backslashreplace", closefd=False)


def line_buffer():
    """A stop loses no finished line."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


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
    # The second thread is ours; it touches nothing that a forked child needs.
    warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork", category=DeprecationWarning)


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
