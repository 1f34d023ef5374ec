"""Layouts and decisions of the launcher that every system can check."""
import ctypes
import json
import os
import sys
import unittest

sys.path.insert(0, os.environ["SIDECAR_RT"])
import landlock  # noqa: E402
import process_table  # noqa: E402
import tree_watch  # noqa: E402
import windows_layouts as win  # noqa: E402
from launcher import LineReader  # noqa: E402

LIMITS = {"memoryBytes": 512 << 20, "processes": 128, "threads": 128, "cpuMs": 2000}


class WindowsLayouts(unittest.TestCase):
    def test_structures_have_the_sizes_of_the_system(self):
        sizes = {kind.__name__: ctypes.sizeof(kind) for kind in (
            win.ExtendedLimits, win.BasicLimits, win.Accounting, win.StartupInfo, win.StartupInfoEx, win.ProcessInformation,
            win.SecurityCapabilities, win.ExplicitAccess, win.CompletionPort, win.SidAndAttributes)}
        self.assertEqual(sizes, {"ExtendedLimits": 144, "BasicLimits": 64, "Accounting": 48, "StartupInfo": 104, "StartupInfoEx": 112,
                                 "ProcessInformation": 24, "SecurityCapabilities": 24, "ExplicitAccess": 48, "CompletionPort": 16,
                                 "SidAndAttributes": 16})

    def test_fields_lie_where_the_system_reads_them(self):
        offsets = [win.BasicLimits.flags.offset, win.BasicLimits.active_processes.offset, win.BasicLimits.priority_class.offset,
                   win.ExtendedLimits.job_memory.offset, win.StartupInfo.flags.offset, win.StartupInfo.stdin.offset, win.Trustee.name.offset]
        self.assertEqual(offsets, [16, 40, 56, 120, 60, 80, 24])

    def test_a_job_ends_with_its_handle_and_lets_nobody_break_away(self):
        flags = win.job_limits(LIMITS, False).basic.flags
        self.assertEqual(flags, 0x2000 | 0x400 | 0x8 | 0x100 | 0x200 | 0x4 | 0x20)
        self.assertEqual(flags & (win.BREAKAWAY_OK | win.SILENT_BREAKAWAY_OK), 0)

    def test_job_limits_carry_memory_processes_and_time(self):
        limits = win.job_limits(LIMITS, False)
        self.assertEqual((limits.job_memory, limits.process_memory, limits.basic.active_processes, limits.basic.job_time),
                         (512 << 20, 512 << 20, 128, 20_000_000))

    def test_an_expert_is_one_process_without_time_limit_flag_when_there_is_none(self):
        limits = win.job_limits({**LIMITS, "cpuMs": None}, True)
        self.assertEqual((limits.basic.active_processes, limits.basic.flags & win.JOB_TIME), (1, 0))

    def test_attributes_by_mode(self):
        self.assertEqual([win.attribute_plan("appcontainer", True), win.attribute_plan("low_integrity", False)],
                         [[0x20002, 0x2000D, 0x20009, 0x2000E], [0x20002, 0x2000D]])

    def test_only_named_folders_get_entries(self):
        plan = {"access": [{"path": "C:\\rt", "rights": "read"}, {"path": "C:\\ws", "rights": "modify"}]}
        self.assertEqual(win.access_plan(plan), [("C:\\rt", 0x1200A9), ("C:\\ws", 0x1301BF)])

    def test_environment_block(self):
        self.assertEqual(win.environment_block({"b": "2", "A": "1 中"}), "A=1 中\0b=2\0\0")
        self.assertRaises(ValueError, win.environment_block, {"a": "x\0y"})

    def test_exit_codes_of_crashes_are_negative(self):
        self.assertEqual([win.exit_facts(0xC0000005)["code"], win.exit_facts(3)["code"]], [-1073741819, 3])


class MacLayouts(unittest.TestCase):
    def test_footprint_and_peak_are_read_at_their_offsets(self):
        raw = bytearray(process_table.RUSAGE_BYTES)
        for offset, value in ((16, 3_000_000), (24, 1_000_000), (72, 111), (240, 222)):
            raw[offset:offset + 8] = value.to_bytes(8, "little")
        self.assertEqual(process_table.read_rusage(bytes(raw)), {"footprint": 111, "peak": 222, "cpu_ms": 4.0})

    def test_parent_and_group_are_read_at_their_offsets(self):
        raw = bytearray(process_table.BSDINFO_BYTES)
        raw[16:20], raw[100:104] = (7).to_bytes(4, "little"), (9).to_bytes(4, "little")
        self.assertEqual(process_table.read_bsdinfo(bytes(raw)), (7, 9))


class LandlockLayouts(unittest.TestCase):
    def test_rights_grow_with_the_kernel(self):
        self.assertEqual([landlock.handled_access(abi) for abi in (1, 3, 6)],
                         [(0x1FFF, 0, 0), (0x7FFF, 0, 0), (0xFFFF, 3, 3)])
        self.assertEqual((ctypes.sizeof(landlock.PathBeneathAttr), ctypes.sizeof(landlock.RulesetAttr)), (12, 24))


class FakeTable:
    """A process table from tuples: pid, parent, group, session, memory, processor time."""

    def __init__(self, *rows):
        self.rows = {row[0]: row for row in rows}

    def entries(self):
        return [process_table.Entry(*row[:4]) for row in self.rows.values()]

    def memory(self, pid):
        return self.rows[pid][4]

    def cpu_ms(self, pid):
        return self.rows[pid][5]

    def threads(self, _pid):
        return 1


class Watching(unittest.TestCase):
    def test_adds_up_a_tree_and_leaves_strangers_out(self):
        watch = tree_watch.TreeWatch(FakeTable((10, 1, 10, 10, 0, 0), (11, 10, 11, 11, 60, 5), (12, 11, 11, 11, 50, 5), (90, 1, 90, 90, 999, 9)), 10)
        watch.arm({"memoryBytes": 100})
        self.assertEqual(watch.poll(), {"kind": "memory", "value": 110, "limit": 100})

    def test_finds_a_daemon_whose_parent_is_gone_by_its_session(self):
        table = FakeTable((10, 1, 10, 10, 0, 0), (11, 10, 11, 11, 1, 0), (12, 11, 12, 12, 1, 0))
        watch = tree_watch.TreeWatch(table, 10)
        watch.poll()
        table.rows = {10: (10, 1, 10, 10, 0, 0), 12: (12, 1, 12, 12, 1, 0)}
        self.assertEqual(watch.pids(), {12})

    def test_never_counts_its_own_session(self):
        table = FakeTable((1, 0, 1, 1, 0, 0), (10, 1, 10, 5, 0, 0), (8, 1, 8, 5, 7, 0), (11, 10, 10, 5, 1, 0))
        watch = tree_watch.TreeWatch(table, 10)
        watch.pids()
        self.assertEqual(watch.pids(), {11})

    def test_processor_time_counts_from_the_arming_on(self):
        table = FakeTable((10, 1, 10, 10, 0, 0), (11, 10, 11, 11, 1, 400))
        watch = tree_watch.TreeWatch(table, 10)
        watch.poll()
        watch.arm({"cpuMs": 100})
        self.assertIsNone(watch.poll())
        table.rows[11] = (11, 10, 11, 11, 1, 501)
        self.assertEqual(watch.poll(), {"kind": "cpu", "value": 101, "limit": 100})

    def test_processes_are_limited(self):
        rows = [(10, 1, 10, 10, 0, 0)] + [(20 + n, 10, 20, 20, 0, 0) for n in range(5)]
        watch = tree_watch.TreeWatch(FakeTable(*rows), 10)
        watch.arm({"threads": 4})
        self.assertEqual(watch.poll()["kind"], "processes")


class Lines(unittest.TestCase):
    def test_joins_and_cuts(self):
        reader = LineReader()
        self.assertEqual(reader.feed(b'{"op":"ki'), [])
        self.assertEqual(reader.feed(b'll"}\n{"op":"arm"}\n'), [{"op": "kill"}, {"op": "arm"}])

    def test_refuses_endless_lines_and_other_texts(self):
        self.assertRaises(ValueError, LineReader().feed, b"x" * 70000)
        self.assertRaises(json.JSONDecodeError, LineReader().feed, b"nonsense\n")


if __name__ == "__main__":
    unittest.main()
