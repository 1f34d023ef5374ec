"""A client of the Jupyter REST and WebSocket interface that knows nothing but the protocol. Prints what it saw as JSON: raw_client.py <base url> default|v1"""
import json
import os
import struct
import sys
import uuid
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import websocket

BASE, FRAMING = sys.argv[1:3]
V1 = "v1.kernel.websocket.jupyter.org"
AUTHORIZATION = f"token {os.environ['SIDECAR_TOKEN']}"
SESSION = uuid.uuid4().hex
PARTS = ("header", "parent_header", "metadata", "content")


def call(method, path, body=None):
    payload = None if body is None else json.dumps(body).encode()
    request = Request(BASE + path, payload, {"Authorization": AUTHORIZATION, "Content-Type": "application/json"}, method=method)
    try:
        with urlopen(request, timeout=100) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except HTTPError as error:
        return error.code, None


def encode(message):
    if FRAMING == "default":
        return json.dumps(message), websocket.ABNF.OPCODE_TEXT
    parts = [message["channel"].encode(), *(json.dumps(message[name]).encode() for name in PARTS)]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<Q{len(offsets)}Q", len(offsets), *offsets) + b"".join(parts), websocket.ABNF.OPCODE_BINARY


def decode(frame):
    if isinstance(frame, str):
        return json.loads(frame)
    count = struct.unpack_from("<Q", frame)[0]
    offsets = struct.unpack_from(f"<{count}Q", frame, 8)
    channel, *parts = (frame[start:end] for start, end in zip(offsets, offsets[1:]))
    return {"channel": channel.decode(), **{name: json.loads(part) for name, part in zip(PARTS, parts)}}


def send(socket, channel, msg_type, content, parent=None):
    header = {"msg_id": uuid.uuid4().hex, "msg_type": msg_type, "session": SESSION, "username": "", "date": "2026-01-01T00:00:00Z", "version": "5.3"}
    socket.send(*encode({"channel": channel, "header": header, "parent_header": parent or {}, "metadata": {}, "content": content, "buffers": []}))
    return header["msg_id"]


def execute(socket, code, react=lambda message: None):
    """Everything that belongs to one execution, to its reply and its idle state."""
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": True, "stop_on_error": True}
    sent = send(socket, "shell", "execute_request", content)
    seen = []
    while True:
        message = decode(socket.recv())
        if message["parent_header"].get("msg_id") != sent:
            continue
        seen.append(message)
        react(message)
        types = [each["header"]["msg_type"] for each in seen]
        states = [each["content"]["execution_state"] for each in seen if each["header"]["msg_type"] == "status"]
        if "execute_reply" in types and "idle" in states:
            return seen, states


def first(seen, msg_type):
    return next(message["content"] for message in seen if message["header"]["msg_type"] == msg_type)


def connect(kernel_id):
    socket = websocket.create_connection(
        f"{BASE.replace('http', 'ws', 1)}/api/kernels/{kernel_id}/channels?session_id={SESSION}",
        header=[f"Authorization: {AUTHORIZATION}"], subprotocols=[V1] if FRAMING == "v1" else [], suppress_origin=True, timeout=100)
    assert socket.getsubprotocol() == (V1 if FRAMING == "v1" else None), socket.getsubprotocol()
    return socket


def main():
    started, kernel = call("POST", "/api/kernels", {"name": "python3"})
    path = f"/api/kernels/{kernel['id']}"
    socket = connect(kernel["id"])
    seen, states = execute(socket, 'print("hi")\n40 + 2')

    def answer(message):
        if message["header"]["msg_type"] == "input_request":
            send(socket, "stdin", "input_reply", {"status": "ok", "value": "Ada"}, message["header"])

    def interrupt(message):
        if message["header"]["msg_type"] == "stream":
            call("POST", f"{path}/interrupt")

    asked, _ = execute(socket, 'print("hello", input())', answer)
    stopped, _ = execute(socket, 'print("go")\nimport time; time.sleep(60)', interrupt)
    execute(socket, "kept = 1")
    restarted, _ = call("POST", f"{path}/restart")
    socket.close()
    socket = connect(kernel["id"])
    fresh, _ = execute(socket, '"kept" in globals()')
    socket.close()
    deleted, _ = call("DELETE", path)
    print(json.dumps({
        "started": started, "result": first(seen, "execute_result")["data"]["text/plain"], "stream": first(seen, "stream")["text"], "states": states,
        "greeting": first(asked, "stream")["text"], "interrupted": first(stopped, "execute_reply")["ename"], "restarted": restarted,
        "kept": first(fresh, "execute_result")["data"]["text/plain"], "deleted": deleted, "after": call("GET", path)[0],
    }))


main()
