import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod';
import { GUARD_IDS, type CapabilityReport, type PythonRuntime } from './guard-contract.ts';
import type { MachineFacts } from './machine.ts';

/** Raised whenever rules or tests change, so that an old verdict is not believed. */
export const POLICY_VERSION = 2;

const GuardSchema = z.object({
  state: z.enum(['enforced', 'degraded', 'absent']), by: z.string(), reason: z.string().nullable(), fix: z.string().nullable(),
  overshoot: z.string().nullable(), tested: z.enum(['passed', 'failed', 'not_testable']),
});
const LaneSchema = z.object({
  available: z.boolean(), reason: z.string().nullable(),
  backend: z.enum(['bwrap', 'landlock', 'seatbelt', 'appcontainer', 'low_integrity', 'srt', 'remote', 'none']),
  network: z.enum(['off', 'hosts']), guards: z.record(z.enum(GUARD_IDS), GuardSchema), minimum: z.array(z.enum(GUARD_IDS)),
  warnings: z.array(z.string()),
});
const ReportSchema = z.object({
  platform: z.string(), arch: z.string(), os_release: z.string(), python: z.string().nullable(), policy_version: z.int(), tested_at: z.string(),
  took_ms: z.number(), lanes: z.object({ user: LaneSchema, expert: LaneSchema, notebook: LaneSchema }),
});
const FileSchema = z.object({ key: z.string(), report: ReportSchema });

/** What a verdict depends on, hashed. */
export function capabilityKey(facts: { machine: MachineFacts; runtime: PythonRuntime; bootId: string; cgroups: string; hosts: readonly string[] }): string {
  const { machine, runtime } = facts;
  const interpreter = [runtime.executable, runtime.version, statSync(runtime.executable).mtimeMs];
  const parts = [POLICY_VERSION, machine.platform, machine.arch, machine.osRelease, facts.bootId, interpreter, machine.bwrap, facts.cgroups, facts.hosts];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** The stored report of that key, or null. */
export function readCapabilities(file: string, key: string): CapabilityReport | null {
  try {
    const stored = FileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    return stored.key === key ? stored.report : null;
  } catch {
    return null; // none yet, or of another version
  }
}

/** Stores a report in one step. */
export function writeCapabilities(file: string, key: string, report: CapabilityReport): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, JSON.stringify({ key, report }), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
