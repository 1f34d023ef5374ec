"""One small resident process per child, outside the sandbox. Tells the host what happens, and ends the tree when it must.

Usage: python -I -S launcher.py <run folder> -- <command …>. Protocol on descriptor 3, one JSON object per line.
"""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def main():
    separator = sys.argv.index("--")
    run_folder, command = sys.argv[1], sys.argv[separator + 1:]
    if sys.platform == "win32":
        from launcher_windows import launch
    else:
        from launcher_posix import launch
    return launch(run_folder, command)


def encode(event, **facts):
    """One line of the protocol."""
    return json.dumps({"event": event, **facts}).encode() + b"\n"


class LineReader:
    """Cuts the host's bytes into messages; a line over 64 KiB or one that is not an object is an error."""

    def __init__(self):
        self._rest = b""

    def feed(self, received):
        *lines, self._rest = (self._rest + received).split(b"\n")
        if len(self._rest) > 65536:
            raise ValueError("line too long")
        return [json.loads(line) for line in lines if line]


if __name__ == "__main__":
    sys.exit(main())
