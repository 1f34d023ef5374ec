"""Runs one job as `__main__` and says how it went in a trailer, the last bytes on descriptor 2."""
import atexit
import builtins
import json
import os
import signal
import sys
import threading
import types

import worker_figures
import worker_reasons
import worker_streams
import worker_trace

MAX_TRAILER = 4096


class Ending:
    """What is known about the end of the program."""

    def __init__(self):
        self.reason = "ok"
        self.exit_code = 0
        self.error = None
        self.hints = []


class Program:
    """Where the code of the job will lie, made before there is one: making a file takes as long as many programs run."""

    def __init__(self, run_folder):
        self.run_folder = run_folder
        self.path = os.path.join(run_folder, "main.py")
        self.name = "main.py"
        self.source = None
        self._file = open(self.path, "wb", buffering=0)

    def take(self, job, workspace):
        """Keeps the code of the job, or leads to its file of the workspace."""
        with self._file as file:
            if job.get("path") is None:
                self.source = job["code"].encode("utf-8", "replace")
                worker_streams.write_all(file.fileno(), self.source)
                return
        self.path, self.name = os.path.join(workspace, *job["path"].split("/")), job["path"]

    def read(self):
        """The code, as bytes. Raises when the file of the workspace is not there."""
        if self.source is None:
            with open(self.path, "rb") as file:
                self.source = file.read()
        return self.source


def prepare(run_folder):
    """Does ahead of time what every job needs."""
    return Program(run_folder)


def run(job, guarded, program):
    """Runs the job and ends this process."""
    errors = worker_streams.private_errors()
    is_expert = guarded.policy["lane"] == "expert"
    workspace = os.getcwd()
    program.take(job, workspace)
    places = worker_trace.Places(program.path, program.name, workspace)
    worker_figures.FIGURES.folder = job.get("figures_dir")
    worker_streams.give_input(job.get("stdin") or "", program.run_folder)
    worker_streams.install_hooks(places)
    _seed(job.get("seed"))
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: worker_streams.close(guarded.lifeline))
    pid = os.getpid()
    sys.argv = [program.path, *job.get("argv", [])]
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    guarded.watch_lifeline()
    ending = Ending()
    secret, network_off = job["secret"], bool(job.get("network_off"))
    job = None
    _execute(ending, program, places, lambda: guarded.interrupts > 0, network_off, None if is_expert else workspace)
    _leave(ending, pid, errors, secret)


def _execute(ending, program, places, was_interrupted, network_off, workspace):
    path = program.path
    try:
        code = _compile(program.read(), path)
    except SyntaxError as error:
        ending.reason, ending.exit_code = "syntax_error", 1
        ending.error = {"type": type(error).__name__, "message": str(error.msg), "line": max(1, error.lineno or 1)}
        _print_error(error, places, only_last=True)
    except BaseException as error:
        _end_with_error(ending, error, places, network_off)
    else:
        _execute_code(ending, code, (path, places, was_interrupted, network_off))
    if ending.exit_code == 0 and worker_figures.FIGURES.saved == 0 and worker_figures.has_open_figures():
        ending.hints.append("figure_not_shown")
    if worker_reasons.shadowed_modules((program.source or b"").decode("utf-8", "replace"), workspace):
        ending.hints.append("shadowed_module")


def _compile(source, path):
    nul = source.find(b"\0")
    if nul >= 0:
        line = source.count(b"\n", 0, nul) + 1
        raise SyntaxError("source code cannot contain null bytes", (path, line, None, None))
    return compile(source, path, "exec", dont_inherit=True)


def _execute_code(ending, code, facts):
    path, places, was_interrupted, network_off = facts
    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__builtins__ = builtins
    sys.modules["__main__"] = module
    try:
        exec(code, module.__dict__)
    except SystemExit as error:
        _end_with_exit(ending, error)
    except KeyboardInterrupt as error:
        ending.error = {"type": "KeyboardInterrupt", "message": "", "line": worker_trace.innermost_line(error, places)}
        ending.reason, ending.exit_code = "error", 1
        if not was_interrupted():
            _print_error(error, places)
    except BaseException as error:
        _end_with_error(ending, error, places, network_off)


def _end_with_exit(ending, error):
    code = error.code
    if code is None:
        return
    if not isinstance(code, int):
        worker_streams.print_text(f"{code}\n")
        code = 1
    ending.exit_code = code & (0xFFFFFFFF if sys.platform == "win32" else 0xFF)
    ending.reason = "ok" if ending.exit_code == 0 else "exit"


def _end_with_error(ending, error, places, network_off):
    ending.exit_code = 1
    ending.reason, hints = worker_reasons.classify(error, network_off)
    ending.hints += hints
    ending.error = {
        "type": type(error).__name__, "message": worker_reasons.text_of(error), "line": worker_trace.innermost_line(error, places),
    }
    _print_error(error, places)


def _print_error(error, places, only_last=False):
    """As Python would, through a hook of the program if it has one."""
    if sys.excepthook is not sys.__excepthook__ and not only_last:
        try:
            sys.excepthook(type(error), error, error.__traceback__)
            return
        except BaseException:
            pass  # a broken hook must not hide the error
    if only_last:
        error = error.with_traceback(None)
    try:
        text = worker_trace.render(error, places)
    except BaseException:
        text = f"{type(error).__name__}: {worker_reasons.text_of(error)}\n"
    worker_streams.print_text(text)


def _leave(ending, pid, errors, secret):
    """Threads, exit handlers and buffers in Python's own order, then the trailer, then the end."""
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
    except BaseException:
        pass  # an interrupt while it waited: the host knows why it sent one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for stream in (sys.stdout, sys.__stdout__, sys.stderr, sys.__stderr__):
        try:
            stream.flush()
        except BaseException:
            continue  # closed, detached or replaced by the program
    if os.getpid() == pid:
        worker_streams.write_all(errors, b"\n\x1e" + secret.encode() + _trailer(ending) + b"\n")
    os._exit(ending.exit_code)


def _trailer(ending):
    cpu, peak = _usage()
    kept = worker_figures.FIGURES
    figures = {"saved": kept.saved, "left_out": kept.left_out, "missing_glyphs": len(kept.missing_glyphs)}
    facts = {
        "reason": ending.reason, "error": ending.error, "exit_code": ending.exit_code, "cpu_ms": cpu, "peak_bytes": peak,
        "figures": figures, "hints": sorted(set(ending.hints)),
    }
    limit = 2000
    while True:
        if ending.error is not None:
            ending.error["message"] = ending.error["message"][:limit]
            ending.error["type"] = ending.error["type"][:limit]
        text = json.dumps(facts).encode()
        if len(text) <= MAX_TRAILER - 64:
            return text
        limit //= 2


def _usage():
    times = os.times()
    cpu = round(1000 * (times.user + times.system + times.children_user + times.children_system))
    if sys.platform == "win32":
        return cpu, None
    import resource
    scale = 1 if sys.platform == "darwin" else 1024
    return cpu, scale * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _seed(seed):
    if seed is None:
        return
    import random
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed)
