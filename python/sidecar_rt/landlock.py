"""Restricts this process by Landlock, through ctypes, before any thread exists. Linux only."""
import ctypes
import os

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
RULE_PATH_BENEATH = 1
VERSION_FLAG = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR = 1 << 4, 1 << 5, 1 << 6, 1 << 7
MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK = 1 << 8, 1 << 9, 1 << 10, 1 << 11
MAKE_SYM, REFER, TRUNCATE, IOCTL_DEV = 1 << 12, 1 << 13, 1 << 14, 1 << 15
BIND_TCP, CONNECT_TCP = 1 << 0, 1 << 1
SCOPE_ABSTRACT_UNIX, SCOPE_SIGNAL = 1 << 0, 1 << 1

READ = EXECUTE | READ_FILE | READ_DIR
WRITE = (READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM | REFER | TRUNCATE)
FILE_ONLY = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV


class RulesetAttr(ctypes.Structure):
    _fields_ = [("handled_access_fs", ctypes.c_uint64), ("handled_access_net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


class SockFprog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def _libc():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    return libc


def _checked(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def abi_version():
    """The Landlock ABI of this kernel, 0 where there is none."""
    return max(0, _libc().syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION_FLAG)))


def handled_access(abi):
    """What the ruleset takes control of, by ABI: file rights, network rights, scopes."""
    files = (1 << 13) - 1
    if abi >= 2:
        files |= REFER
    if abi >= 3:
        files |= TRUNCATE
    if abi >= 5:
        files |= IOCTL_DEV
    return files, (BIND_TCP | CONNECT_TCP) if abi >= 4 else 0, (SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL) if abi >= 6 else 0


def restrict_files(policy):
    """Only these paths stay usable: `read` and `write` with all below, `list` for names only, `devices` as single files.

    Paths that do not exist are left out.
    """
    libc = _libc()
    abi = abi_version()
    if abi == 0:
        raise OSError("landlock is not available")
    files, network, scopes = handled_access(abi)
    if policy.get("tcp"):
        network = 0  # a filtering proxy decides
    attributes = RulesetAttr(files, network, scopes)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = _checked(libc.syscall(CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0)), "landlock ruleset")
    try:
        for rights, kind in ((READ, "read"), (WRITE, "write"), (READ_DIR, "list"), (READ_FILE | WRITE_FILE, "devices")):
            for path in policy[kind]:
                _allow(libc, ruleset, path, rights & files)
        no_new_privileges()
        _checked(libc.syscall(RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)), "landlock restrict")
    finally:
        os.close(ruleset)


def _allow(libc, ruleset, path, rights):
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            rights &= FILE_ONLY
        rule = PathBeneathAttr(rights, handle)
        _checked(libc.syscall(ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(RULE_PATH_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0)),
                 "landlock rule")
    finally:
        os.close(handle)


def no_new_privileges():
    """Set-user-id programs give nothing from here on."""
    _checked(_libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def apply_seccomp(program):
    """Installs a filter given as the bytes of `struct sock_filter[]`."""
    no_new_privileges()
    text = ctypes.create_string_buffer(program, len(program))
    header = SockFprog(len(program) // 8, ctypes.addressof(text))
    _checked(_libc().prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(header), 0, 0), "seccomp")
