"""The peer `jupyter_client`. One JSON request per line on stdin: {"kind": "warm" | "cold", "code": …}; answers {"ms", "printed"}."""
import json
import sys
import time

from jupyter_client.manager import start_new_kernel

warm = None
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    printed = 0

    def count(message):
        global printed
        if message["msg_type"] == "stream":
            printed += len(message["content"]["text"])

    if request["kind"] == "warm" and warm is None:
        warm = start_new_kernel(kernel_name="python3")
    began = time.monotonic()
    manager, client = warm if request["kind"] == "warm" else start_new_kernel(kernel_name="python3")
    client.execute_interactive(request["code"], output_hook=count, timeout=60)
    took = 1000 * (time.monotonic() - began)
    if request["kind"] == "cold":
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    print(json.dumps({"ms": took, "printed": printed}), flush=True)
if warm is not None:
    warm[1].stop_channels()
    warm[0].shutdown_kernel(now=True)
