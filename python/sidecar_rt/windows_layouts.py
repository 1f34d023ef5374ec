"""Structures and numbers of the Windows API with fixed widths, so that their layout is the same wherever it is checked (64 bit)."""
import ctypes

U16, U32, U64, I64 = ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_int64

KILL_ON_JOB_CLOSE, DIE_ON_UNHANDLED_EXCEPTION, ACTIVE_PROCESS, PROCESS_MEMORY = 0x2000, 0x400, 0x8, 0x100
JOB_MEMORY, JOB_TIME, PRIORITY_CLASS = 0x200, 0x4, 0x20
BREAKAWAY_OK, SILENT_BREAKAWAY_OK = 0x800, 0x1000
BELOW_NORMAL_PRIORITY = 0x4000
UI_LIMITS_ALL = 0xFF

BASIC_ACCOUNTING, BASIC_UI_RESTRICTIONS, ASSOCIATE_COMPLETION_PORT, EXTENDED_LIMITS = 1, 4, 7, 9

HANDLE_LIST, SECURITY_CAPABILITIES_ATTRIBUTE, JOB_LIST, CHILD_PROCESS_POLICY = 0x20002, 0x20009, 0x2000D, 0x2000E
CHILD_PROCESS_RESTRICTED = 1
CREATE_NO_WINDOW, CREATE_UNICODE_ENVIRONMENT, EXTENDED_STARTUPINFO_PRESENT, CREATE_SUSPENDED = 0x8000000, 0x400, 0x80000, 0x4
STARTF_USESTDHANDLES = 0x100

MESSAGES = {1: "cpu", 2: "cpu", 3: "processes", 9: "memory", 10: "memory"}

READ_RIGHTS, MODIFY_RIGHTS = 0x1200A9, 0x1301BF
GRANT_ACCESS, REVOKE_ACCESS, INHERIT_BOTH = 1, 4, 3
DACL_INFORMATION, LABEL_INFORMATION, FILE_OBJECT = 0x4, 0x10, 1
LOW_LABEL = "S:(ML;OICI;NW;;;LW)"
LOW_INTEGRITY_SID = "S-1-16-4096"
TOKEN_INTEGRITY_LEVEL, SE_GROUP_INTEGRITY, TOKEN_ADJUST_DEFAULT, TOKEN_QUERY = 25, 0x20, 0x80, 0x8


class IoCounters(ctypes.Structure):
    _fields_ = [(name, U64) for name in ("reads", "writes", "others", "read_bytes", "written_bytes", "other_bytes")]


class BasicLimits(ctypes.Structure):
    _fields_ = [("process_time", I64), ("job_time", I64), ("flags", U32), ("minimum_set", U64), ("maximum_set", U64),
                ("active_processes", U32), ("affinity", U64), ("priority_class", U32), ("scheduling_class", U32)]


class ExtendedLimits(ctypes.Structure):
    _fields_ = [("basic", BasicLimits), ("io", IoCounters), ("process_memory", U64), ("job_memory", U64),
                ("peak_process_memory", U64), ("peak_job_memory", U64)]


class Accounting(ctypes.Structure):
    _fields_ = [("user_time", I64), ("kernel_time", I64), ("period_user_time", I64), ("period_kernel_time", I64),
                ("page_faults", U32), ("processes", U32), ("active_processes", U32), ("terminated_processes", U32)]


class CompletionPort(ctypes.Structure):
    _fields_ = [("key", U64), ("port", U64)]


class StartupInfo(ctypes.Structure):
    _fields_ = [("size", U32), ("reserved", U64), ("desktop", U64), ("title", U64), ("x", U32), ("y", U32), ("width", U32), ("height", U32),
                ("columns", U32), ("rows", U32), ("fill", U32), ("flags", U32), ("show", U16), ("reserved_size", U16), ("reserved_bytes", U64),
                ("stdin", U64), ("stdout", U64), ("stderr", U64)]


class StartupInfoEx(ctypes.Structure):
    _fields_ = [("info", StartupInfo), ("attributes", U64)]


class ProcessInformation(ctypes.Structure):
    _fields_ = [("process", U64), ("thread", U64), ("pid", U32), ("tid", U32)]


class SecurityCapabilities(ctypes.Structure):
    _fields_ = [("container_sid", U64), ("capabilities", U64), ("count", U32), ("reserved", U32)]


class Trustee(ctypes.Structure):
    _fields_ = [("multiple", U64), ("operation", U32), ("form", U32), ("type", U32), ("name", U64)]


class ExplicitAccess(ctypes.Structure):
    _fields_ = [("rights", U32), ("mode", U32), ("inheritance", U32), ("trustee", Trustee)]


class SidAndAttributes(ctypes.Structure):
    _fields_ = [("sid", U64), ("attributes", U32)]


def job_limits(limits, forbid_children):
    """The limits of one job. Breaking away is never allowed."""
    extended = ExtendedLimits()
    basic = extended.basic
    basic.flags = (KILL_ON_JOB_CLOSE | DIE_ON_UNHANDLED_EXCEPTION | ACTIVE_PROCESS | PROCESS_MEMORY | JOB_MEMORY | PRIORITY_CLASS)
    basic.active_processes = 1 if forbid_children else limits["processes"]
    basic.priority_class = BELOW_NORMAL_PRIORITY
    extended.process_memory = extended.job_memory = limits["memoryBytes"]
    if limits.get("cpuMs"):
        basic.flags |= JOB_TIME
        basic.job_time = int(limits["cpuMs"]) * 10_000
    return extended


def attribute_plan(mode, forbid_children):
    """Which attributes a new process gets, in the order in which they are set."""
    plan = [HANDLE_LIST, JOB_LIST]
    if mode == "appcontainer":
        plan.append(SECURITY_CAPABILITIES_ATTRIBUTE)
    if forbid_children:
        plan.append(CHILD_PROCESS_POLICY)
    return plan


def access_plan(plan):
    """Paths with the rights that the container's SID gets; only what the host named."""
    rights = {"read": READ_RIGHTS, "modify": MODIFY_RIGHTS}
    return [(entry["path"], rights[entry["rights"]]) for entry in plan["access"]]


def environment_block(environment):
    """`K=V` texts as CreateProcessW wants them: sorted, each ended by NUL, another NUL at the end."""
    texts = [f"{name}={environment[name]}" for name in sorted(environment, key=str.upper)]
    if any("\0" in text for text in texts):
        raise ValueError("NUL in the environment")
    return "\0".join(texts) + "\0\0"


def exit_facts(code):
    """Exit code as Windows gives it; NTSTATUS values stay visible as numbers."""
    return {"code": code if code < 0x80000000 else code - (1 << 32), "signal": None}
