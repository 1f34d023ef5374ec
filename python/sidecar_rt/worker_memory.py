"""Memory of an idle worker, arranged so that the kernel takes it back quickly when the process ends."""
import gc
import sys

HUGE_PAGE = 2 * 1024 * 1024
MADV_DONTNEED, MADV_COLLAPSE = 4, 25


def settle():
    """What was imported lives as long as the process; collections of the program need not look at it again."""
    gc.collect()
    gc.freeze()
    # A heavy module has loaded it already; for a bare interpreter there is little to give back, and nothing is imported for that.
    ctypes = sys.modules.get("ctypes")
    if sys.platform != "linux" or ctypes is None:
        return
    try:
        madvise = ctypes.CDLL(None).madvise
        madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        _collapse_heap(madvise)
        _let_go_of_files(madvise)
    except (OSError, AttributeError, ValueError, IndexError):
        pass  # only a little slower


def _collapse_heap(madvise):
    """Private memory in huge pages: thousands of small ones took most of the time between the end of a program and its exit."""
    for start, end in _private_ranges():
        for place in range(-(-start // HUGE_PAGE) * HUGE_PAGE, end - HUGE_PAGE + 1, HUGE_PAGE):
            madvise(place, HUGE_PAGE, MADV_COLLAPSE)  # refused by older kernels and for gaps; then it stays as it is


def _let_go_of_files(madvise):
    """Most of what the imports read of libraries is not needed again; what is comes back from the page cache, many pages at a time."""
    for start, end in _clean_file_ranges():
        madvise(start, end - start, MADV_DONTNEED)


def _private_ranges():
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        fields = [line.split(maxsplit=5) for line in maps]
    for parts in fields:
        if parts[1] == "rw-p" and (len(parts) < 6 or parts[5].strip() == "[heap]"):
            yield _range(parts[0])


def _clean_file_ranges():
    """Mappings of files that nobody can write and that hold no page of our own, such as one that was relocated."""
    place = None
    with open("/proc/self/smaps", encoding="utf-8", errors="replace") as maps:
        lines = [line.split(maxsplit=5) for line in maps]
    for parts in lines:
        if not parts[0].endswith(":"):
            place = _range(parts[0]) if parts[1] in ("r-xp", "r--p") and len(parts) > 5 and parts[5].startswith("/") else None
        elif parts[0] == "Anonymous:" and parts[1] == "0" and place is not None:
            yield place


def _range(text):
    start, end = text.split("-")
    return int(start, 16), int(end, 16)
