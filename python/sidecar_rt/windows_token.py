"""Lowers the integrity of this process for good. Windows only."""
import ctypes

from windows_layouts import LOW_INTEGRITY_SID, SE_GROUP_INTEGRITY, TOKEN_ADJUST_DEFAULT, TOKEN_INTEGRITY_LEVEL, TOKEN_QUERY, SidAndAttributes


def lower_own_integrity():
    """From here on this process writes only where a low label lets it."""
    advapi = ctypes.WinDLL("advapi32", use_last_error=True)
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    token, sid = ctypes.c_void_p(), ctypes.c_void_p()
    if not advapi.OpenProcessToken(ctypes.c_void_p(kernel.GetCurrentProcess()), TOKEN_ADJUST_DEFAULT | TOKEN_QUERY, ctypes.byref(token)):
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        if not advapi.ConvertStringSidToSidW(LOW_INTEGRITY_SID, ctypes.byref(sid)):
            raise ctypes.WinError(ctypes.get_last_error())
        label = SidAndAttributes(sid.value, SE_GROUP_INTEGRITY)
        size = ctypes.sizeof(label) + advapi.GetLengthSid(sid)
        if not advapi.SetTokenInformation(token, TOKEN_INTEGRITY_LEVEL, ctypes.byref(label), size):
            raise ctypes.WinError(ctypes.get_last_error())
        kernel.LocalFree(sid)
    finally:
        kernel.CloseHandle(token)
