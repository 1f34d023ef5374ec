"""Access entries of our own folders for a container, low labels, and package SIDs. Windows only; no administrator is needed."""
import ctypes

from windows_layouts import (
    DACL_INFORMATION, FILE_OBJECT, GRANT_ACCESS, INHERIT_BOTH, LABEL_INFORMATION, LOW_LABEL, REVOKE_ACCESS, ExplicitAccess, access_plan,
)

ALREADY_EXISTS = 0x800700B7


def container_sid(name):
    """The SID of a package, made when it does not exist."""
    userenv = ctypes.WinDLL("userenv")
    sid = ctypes.c_void_p()
    result = userenv.CreateAppContainerProfile(name, name, name, None, 0, ctypes.byref(sid)) & 0xFFFFFFFF
    if result == ALREADY_EXISTS:
        result = userenv.DeriveAppContainerSidFromAppContainerName(name, ctypes.byref(sid)) & 0xFFFFFFFF
    if result != 0:
        raise OSError(f"AppContainer: 0x{result:08x}")
    return sid


def grant_access(plan, sid):
    """Lets the container into the folders of the plan."""
    for path, rights in access_plan(plan):
        _change(path, sid, rights, GRANT_ACCESS)


def forget_container(plan):
    """Takes the entries back and removes the package; called when its session ends."""
    sid = container_sid(plan["container"])
    for path, rights in access_plan(plan):
        _change(path, sid, rights, REVOKE_ACCESS)
    ctypes.WinDLL("userenv").DeleteAppContainerProfile(plan["container"])


def label_low(plan):
    """A low label on what a low process may write."""
    advapi = ctypes.WinDLL("advapi32", use_last_error=True)
    descriptor, sacl = ctypes.c_void_p(), ctypes.c_void_p()
    present, defaulted = ctypes.c_int(), ctypes.c_int()
    if not advapi.ConvertStringSecurityDescriptorToSecurityDescriptorW(LOW_LABEL, 1, ctypes.byref(descriptor), None):
        raise ctypes.WinError(ctypes.get_last_error())
    advapi.GetSecurityDescriptorSacl(descriptor, ctypes.byref(present), ctypes.byref(sacl), ctypes.byref(defaulted))
    for entry in plan["access"]:
        if entry["rights"] == "modify":
            _checked(advapi.SetNamedSecurityInfoW(entry["path"], FILE_OBJECT, LABEL_INFORMATION, None, None, None, sacl), entry["path"])
    ctypes.WinDLL("kernel32").LocalFree(descriptor)


def _change(path, sid, rights, mode):
    advapi = ctypes.WinDLL("advapi32", use_last_error=True)
    old, new, descriptor = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    _checked(advapi.GetNamedSecurityInfoW(path, FILE_OBJECT, DACL_INFORMATION, None, None, ctypes.byref(old), None, ctypes.byref(descriptor)), path)
    entry = ExplicitAccess()
    entry.rights, entry.mode, entry.inheritance = rights, mode, INHERIT_BOTH
    entry.trustee.name = sid.value
    try:
        _checked(advapi.SetEntriesInAclW(1, ctypes.byref(entry), old, ctypes.byref(new)), path)
        _checked(advapi.SetNamedSecurityInfoW(path, FILE_OBJECT, DACL_INFORMATION, None, None, new, None), path)
    finally:
        kernel = ctypes.WinDLL("kernel32")
        for block in (descriptor, new):
            if block.value:
                kernel.LocalFree(block)


def _checked(result, what):
    if result != 0:
        raise OSError(f"access entries of {what}: error {result}")
