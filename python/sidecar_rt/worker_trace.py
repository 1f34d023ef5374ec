"""Tracebacks that hold the learner's frames only, also in causes, contexts and groups."""
import os
import traceback

KEPT_FRAMES = 1000


class Places:
    """Which files are the learner's, and how they are called in a traceback."""

    def __init__(self, main_path, main_name, workspace):
        self._main_path = main_path
        self._main_name = main_name
        self._workspace = os.path.join(workspace, "") if workspace else None

    def is_main(self, path):
        return path == self._main_path

    def name_of(self, path):
        """Name to show, or None for a file that is not the learner's."""
        if path == self._main_path:
            return self._main_name
        if path == "<string>":
            return path
        if self._workspace is not None and path.startswith(self._workspace):
            return path[len(self._workspace):].replace(os.sep, "/")
        return None


def render(error, places):
    """The traceback as text. Never raises for what an exception of the learner does."""
    described = traceback.TracebackException(type(error), error, error.__traceback__, limit=0, compact=True)
    _clean(described, error, places)
    return "".join(described.format())


def innermost_line(error, places):
    """Line of the main program's last frame, else of the last frame in any of the learner's files; None when there is none."""
    own = [(places.is_main(frame.f_code.co_filename), number) for frame, number in _own_frames(error.__traceback__, places)]
    main = [number for is_main, number in own if is_main]
    return main[-1] if main else (own[-1][1] if own else None)


def _clean(described, error, places):
    described.stack = _stack(error.__traceback__, places)
    if isinstance(error, SyntaxError) and getattr(described, "filename", None):
        described.filename = places.name_of(described.filename) or described.filename
    pairs = [(described.__cause__, error.__cause__), (described.__context__, error.__context__)]
    if getattr(described, "exceptions", None):
        pairs += zip(described.exceptions, error.exceptions)
    for inner, inner_error in pairs:
        if inner is not None and inner_error is not None:
            _clean(inner, inner_error, places)


def _own_frames(trace, places):
    while trace is not None:
        if places.name_of(trace.tb_frame.f_code.co_filename) is not None:
            yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _stack(trace, places):
    """The learner's frames, the first and the last ones of a deep stack."""
    kept = []
    while trace is not None:
        if places.name_of(trace.tb_frame.f_code.co_filename) is not None:
            kept.append(trace)
            if len(kept) > 2 * KEPT_FRAMES:
                del kept[KEPT_FRAMES]
        trace = trace.tb_next
    summary = traceback.StackSummary._extract_from_extended_frame_gen(_extended(kept)) if kept else traceback.StackSummary()
    for frame in summary:
        frame.line  # read while the name still leads to the file
        frame.filename = places.name_of(frame.filename) or frame.filename
    return summary


def _extended(traces):
    for trace in traces:
        positions = traceback._get_code_position(trace.tb_frame.f_code, trace.tb_lasti)
        yield trace.tb_frame, (trace.tb_lineno, *positions[1:])
