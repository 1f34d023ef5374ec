"""Tries what a guarded program must not be able to do, and says what happened. Run by the host in the real sandbox.

The host writes one JSON line with the names of its canaries; every answer is one word, never what was read.
"""
import json
import os
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bootstrap  # noqa: E402

REFUSED, DONE = "refused", "done"


def attempt(action):
    """`done` when it worked, else `refused` and the name of the error."""
    try:
        action()
        return DONE
    except (OSError, ValueError, RuntimeError) as error:
        return f"{REFUSED} {type(error).__name__}"


def write_outside(path):
    with open(path, "w", encoding="utf-8") as file:
        file.write("outside")


def read_file(path):
    with open(path, "rb") as file:
        file.read(1)


def connect(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        pass


def socket_pair():
    first, second = socket.socketpair()
    first.close()
    second.close()


def count_forks(most):
    """How many children could be started, up to `most`; they are ended again."""
    if not hasattr(os, "fork"):
        return -1
    children = []
    try:
        while len(children) < most:
            pid = os.fork()
            if pid == 0:
                time.sleep(30)
                os._exit(0)
            time.sleep(0.001)
            children.append(pid)
    except OSError:
        pass
    for pid in children:
        os.kill(pid, 9)
    for pid in children:
        os.waitpid(pid, 0)
    return len(children)


def raise_limits():
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard + 1))


def leave_daemon(path):
    """A process that has left its parent, its group and its session, and beats until it is killed."""
    if os.fork():
        os.wait()
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    while True:
        with open(path, "a", encoding="utf-8") as file:
            file.write(".")
        time.sleep(0.01)


def fill_memory():
    """Touches memory until something ends it."""
    held = []
    while True:
        block = bytearray(4 << 20)
        block[::4096] = b"\1" * len(block[::4096])
        held.append(block)


def try_everything(order):
    is_windows = sys.platform == "win32"
    answer = {
        "write_outside": attempt(lambda: write_outside(order["outside"])),
        "write_system": attempt(lambda: write_outside(order["system"])),
        "write_inside": attempt(lambda: write_outside(order["inside"])),
        # The mode that it has: nothing of the user is changed by asking.
        "change_outside": attempt(lambda: os.chmod(order["planted"], 0o600)),
        "read_home": attempt(lambda: read_file(order["planted"])),
        "environment": sorted(os.environ),
        "host_environment": attempt(lambda: read_file(f"/proc/{order['host_pid']}/environ")),
        "connect": attempt(lambda: connect(order["port"])),
        "socket_pair": attempt(socket_pair),
        "signal_host": "refused" if is_windows else attempt(lambda: os.kill(order["host_pid"], 0)),
        "forks": count_forks(order["forks"]),
        "raise_limits": "done" if is_windows else attempt(raise_limits),
    }
    if hasattr(os, "fork"):
        answer["daemon"] = attempt(lambda: leave_daemon(order["heartbeat"]))
    return answer


def main():
    guarded = bootstrap.prepare(sys.argv[1])
    say({"sidecar": "ready", **bootstrap.start_facts()})
    order = read_order(guarded.lifeline)
    guarded.limit(order["limits"])
    if order["test"] == "memory":
        guarded.watch_lifeline()
        fill_memory()
    if order["test"] == "fonts":
        import matplotlib.font_manager  # noqa: F401  (writes its cache into MPLCONFIGDIR)
        return
    if order["test"] == "processes":
        guarded.watch_lifeline()
        say({"forks": count_forks(order["forks"])})
        time.sleep(30)
    if order["test"] == "all":
        say(try_everything(order))
    guarded.watch_lifeline()
    try:
        say({"waiting": True})
        time.sleep(30)
    except KeyboardInterrupt:
        say({"interrupted": True})
        time.sleep(30)


def read_order(lifeline):
    text = b""
    while not text.endswith(b"\n"):
        received = os.read(lifeline, 4096)
        if not received:
            os._exit(bootstrap.HOST_GONE)
        text += received
    return json.loads(text)


def say(message):
    os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
