import * as z from 'zod';
import { list } from './value-schemas.ts';

/** Network of the user and notebook lanes. */
export type LaneNetwork = { mode: 'off' } | { mode: 'hosts'; hosts: readonly { host: string; port: number | null }[] };

/** How a remote kernel sees the workspace. */
export type GatewayFiles = { mode: 'none' } | { mode: 'shared'; remotePath: string };

/** `auto`, or the modules that warm workers import (an empty list for `none`). */
export type Preload = 'auto' | readonly string[];

const NETWORK_RULE = 'must be off or hosts:<host[:port],…>';

/** `off` or `hosts:<host[:port],…>`. */
export const laneNetwork: z.ZodType<LaneNetwork, string> = z.string().transform((value, context) => {
  if (value.toLowerCase() === 'off') return { mode: 'off' as const };
  const hosts = value.startsWith('hosts:') ? value.slice('hosts:'.length).split(',').map((part) => readHost(part.trim())) : [];
  const known = hosts.filter((host) => host !== null);
  if (known.length > 0 && known.length === hosts.length) return { mode: 'hosts' as const, hosts: known };
  context.addIssue({ code: 'custom', message: NETWORK_RULE });
  return z.NEVER;
});

/** `auto`, `none` or Python module names. */
export const preload: z.ZodType<Preload, string> = list.transform((names, context) => {
  const [first = ''] = names;
  if (names.length === 1 && first === 'auto') return 'auto' as const;
  if (names.length === 1 && first === 'none') return [];
  if (names.length > 0 && names.every(isModule)) return names;
  context.addIssue({ code: 'custom', message: 'must be auto, none or a comma-separated list of Python modules' });
  return z.NEVER;
});

/** `NAME=value,…`: variables for remote kernels. */
export const gatewayEnvironment: z.ZodType<Record<string, string>, string> = list.transform((pairs, context) => {
  const entries = pairs.map((pair) => /^([A-Z][A-Z0-9_]{0,63})=(.{0,1000})$/.exec(pair));
  if (entries.every((entry) => entry !== null)) return Object.fromEntries(entries.map(([, name = '', value = '']) => [name, value]));
  context.addIssue({ code: 'custom', message: 'must be a comma-separated list of NAME=value' });
  return z.NEVER;
});

/** `none` or `shared:<remote path>`. */
export const gatewayFiles: z.ZodType<GatewayFiles, string> = z.string().transform((value, context) => {
  if (value === 'none') return { mode: 'none' as const };
  const [, remotePath] = /^shared:(\/.*)$/.exec(value) ?? [];
  if (remotePath !== undefined) return { mode: 'shared' as const, remotePath };
  context.addIssue({ code: 'custom', message: 'must be none or shared:<absolute remote path>' });
  return z.NEVER;
});

function isModule(name: string): boolean {
  return name !== 'auto' && name !== 'none' && /^[A-Za-z_][\w.]{0,99}$/.test(name);
}

function readHost(part: string): { host: string; port: number | null } | null {
  const [, host = '', port] = /^([a-z0-9.-]{1,253})(?::(\d{1,5}))?$/i.exec(part) ?? [];
  if (host === '' || Number(port ?? 1) > 65_535 || Number(port ?? 1) < 1) return null;
  return { host: host.toLowerCase(), port: port === undefined ? null : Number(port) };
}
