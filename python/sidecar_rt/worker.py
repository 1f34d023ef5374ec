"""A worker: imports what a program is likely to need, waits for one job on its lifeline, runs it and ends.

Usage: python -P -s -B -X utf8 worker.py <run folder>. Frames on descriptor 0: u32 big-endian length and a JSON object; first the
set-up `{preload, figures}`, then the job. Descriptor 1 carries one ready line, the job's secret as a line when the job was taken, and
from then on only what the program prints.
"""
import importlib
import json
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import bootstrap  # noqa: E402  the folder is not on the path before
import worker_figures  # noqa: E402
import worker_memory  # noqa: E402
import worker_run  # noqa: E402
import worker_streams  # noqa: E402

MAX_FRAME = 4 * 1024 * 1024
PROTOCOL = 1


def main():
    run_folder = sys.argv[1]
    guarded = bootstrap.prepare(run_folder)
    setup = read_frame(guarded.lifeline)
    if setup.get("figures"):
        worker_figures.install()
    preloaded = preload(setup.get("preload") or [])
    guarded.lower_integrity()
    sys.path.remove(HERE)
    worker_streams.arrange()
    program = worker_run.prepare(run_folder)
    guarded.prepare_watch()
    worker_memory.settle()
    ready = {"sidecar": "ready", "protocol": PROTOCOL, **bootstrap.start_facts(), "preloaded": preloaded}
    os.write(1, json.dumps(ready).encode() + b"\n")
    job = read_frame(guarded.lifeline)
    # No code of others has run yet, so nobody else can say this: from here on the program may have begun.
    os.write(1, job["secret"].encode() + b"\n")
    guarded.limit(job["limits"])
    guarded.use_workspace()
    worker_run.run(job, guarded, program)


def preload(names):
    """Imports the modules that are there; one that is broken is the program's business, not ours."""
    loaded = []
    for name in names:
        try:
            importlib.import_module(name)
            loaded.append(name)
        except Exception:
            continue
    return loaded


def read_frame(lifeline):
    """One message of the host. The end of the stream ends this process."""
    (length,) = struct.unpack(">I", read_exactly(lifeline, 4))
    if length > MAX_FRAME:
        os._exit(bootstrap.HOST_GONE)
    return json.loads(read_exactly(lifeline, length))


def read_exactly(descriptor, length):
    parts = []
    while length > 0:
        part = os.read(descriptor, min(length, 65536))
        if part == b"":
            os._exit(bootstrap.HOST_GONE)
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


if __name__ == "__main__":
    main()
