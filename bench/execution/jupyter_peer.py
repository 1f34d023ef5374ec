"""The peer: runs a program in a kernel of `jupyter_client`. One line on stdin per request (`cold` or `warm`, then JSON code); answers milliseconds."""
import json
import sys
import time

import jupyter_client
from jupyter_client.manager import start_new_kernel

warm = None
print(json.dumps(jupyter_client.__version__), flush=True)
for line in sys.stdin:
    kind, _, code = line.partition(" ")
    began = time.monotonic()
    if kind == "cold":
        manager, client = start_new_kernel(kernel_name="python3")
    else:
        if warm is None:
            warm = start_new_kernel(kernel_name="python3")
            began = time.monotonic()
        manager, client = warm
    client.execute_interactive(json.loads(code), output_hook=lambda _message: None, timeout=60)
    took = 1000 * (time.monotonic() - began)
    if kind == "cold":
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    print(json.dumps(took), flush=True)
if warm is not None:
    warm[1].stop_channels()
    warm[0].shutdown_kernel(now=True)
