"""Memory of an idle worker, arranged so that the kernel takes it back quickly when the process ends."""
import gc
import sys

HUGE_PAGE = 2 * 1024 * 1024
MADV_COLLAPSE = 25


def settle():
    """What was imported lives as long as the process; collections of the program need not look at it again."""
    gc.collect()
    gc.freeze()
    # A heavy module has loaded it already; for a bare interpreter there is little to give back, and nothing is imported for that.
    if sys.platform == "linux" and "ctypes" in sys.modules:
        _collapse_heap(sys.modules["ctypes"])


def _collapse_heap(ctypes):
    """Private memory in huge pages: thousands of small ones took most of the time between the end of a program and its exit."""
    try:
        madvise = ctypes.CDLL(None).madvise
        madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        for start, end in _private_ranges():
            for place in range(-(-start // HUGE_PAGE) * HUGE_PAGE, end - HUGE_PAGE + 1, HUGE_PAGE):
                madvise(place, HUGE_PAGE, MADV_COLLAPSE)  # refused by older kernels and for gaps; then it stays as it is
    except (OSError, AttributeError, ValueError):
        pass  # only a little slower


def _private_ranges():
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        fields = [line.split(maxsplit=5) for line in maps]
    for parts in fields:
        if parts[1] == "rw-p" and (len(parts) < 6 or parts[5].strip() == "[heap]"):
            start, end = parts[0].split("-")
            yield int(start, 16), int(end, 16)
