"""A notebook kernel: ipykernel in the main thread, its sockets bridged to this process's own pipes.

Usage: python -P -s -B -X utf8 kernel.py <run folder>. Frames of `kernel_frames.py` on descriptors 0 and 1; nothing listens anywhere.
"""
import os
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import bootstrap  # noqa: E402  the folder is not on the path before

PROTOCOL = 1
PRIVATE_DESCRIPTOR = 65
TRACEBACK_CHARS = 8 * 1024


def main():
    run_folder = sys.argv[1]
    guarded = bootstrap.prepare(run_folder)
    out, diagnostics = private_duplicate(1), private_duplicate(2)
    own_group()
    import importlib.metadata as metadata

    import zmq

    import kernel_bridge
    import kernel_output
    import kernel_wire
    gate, caps = kernel_output.Gate(), kernel_output.Caps()
    bridge = kernel_bridge.Bridge(guarded.lifeline, out, caps, gate)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    native = kernel_output.NativeOutput()
    transport = kernel_wire.choose_transport(run_folder)
    bridge.begin({"protocol": PROTOCOL, **bootstrap.start_facts(), "ipykernel": metadata.version("ipykernel"),
                  "pyzmq": zmq.__version__, "transport": transport})
    try:
        run(guarded, bridge, (caps, gate, native), (run_folder, transport), diagnostics)
    except BaseException as error:
        bridge.writer.control("fatal", error=f"{type(error).__name__}: {error}"[:2000],
                              traceback=traceback.format_exc()[-TRACEBACK_CHARS:])
        bridge.writer.flush(2)
        os._exit(1)
    bridge.writer.control("bye")
    bridge.writer.flush(2)
    os._exit(0)


def run(guarded, bridge, output, place, diagnostics):
    import kernel_app
    caps, _gate, _native = output
    app = kernel_app.create_app(bridge, output, *place)
    watch_crashes(diagnostics)
    plain_streams_in_children([guarded.lifeline, diagnostics], app)
    start = bridge.wait_for_start()
    caps.configure(start.get("limits") or {})
    os.environ.update({str(name): str(value) for name, value in (start.get("env") or {}).items()})
    for code in start.get("init") or []:
        app.shell.run_cell(code, silent=True, store_history=False)
    guarded.lower_integrity()
    sys.path.remove(HERE)
    if start.get("rlimits"):
        guarded.limit(start["rlimits"])
    if start.get("cwd"):
        os.chdir(start["cwd"])
    guarded.use_workspace()
    bridge.announce_when_ready()
    app.start()


def own_group():
    """The kernel leads its group, so that an interrupt reaches its children and nobody else."""
    if hasattr(os, "setpgid"):
        try:
            os.setpgid(0, 0)
        except OSError:
            pass  # it leads a session already


def private_duplicate(number):
    if sys.platform == "win32":
        copy = os.dup(number)
        os.set_inheritable(copy, False)
        return copy
    import fcntl
    return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, PRIVATE_DESCRIPTOR)


def watch_crashes(diagnostics):
    """The last words of a crash go to the host, whatever became of descriptor 2."""
    import faulthandler
    faulthandler.enable(file=diagnostics, all_threads=False)


def plain_streams_in_children(private, app):
    """A forked child writes to descriptors 1 and 2 and never touches a socket of its parent."""
    if not hasattr(os, "register_at_fork"):
        return

    def reopen():
        for descriptor in private:
            try:
                os.close(descriptor)
            except OSError:
                pass
        app.iopub_thread.socket = None
        sys.stdout = sys.__stdout__ = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
        sys.stderr = sys.__stderr__ = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)

    os.register_at_fork(after_in_child=reopen)


if __name__ == "__main__":
    main()
