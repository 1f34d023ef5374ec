import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

/** What the broker reads: hosts, folders and the command it runs inside. */
export const HostsPolicySchema = z.object({
  allowed_domains: z.array(z.string().min(1)).min(1), deny_read: z.array(z.string()), allow_read: z.array(z.string()), allow_write: z.array(z.string()),
  /** Seccomp helper of the built program; null = the package's own. */
  seccomp_helper: z.string().nullable(), bwrap: z.string(), cwd: z.string(), temporary: z.string(),
  environment: z.record(z.string(), z.string()), command: z.array(z.string()).min(1),
});
export type HostsPolicy = z.infer<typeof HostsPolicySchema>;

/** What a listed name may never lead to; loopback, link-local and this machine's own addresses are denied by the filter itself. */
export const DENIED_ADDRESSES = [
  '0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16', '198.18.0.0/15', '::1/128',
  'fc00::/7', 'fe80::/10',
] as const;

/** Names through which programs find the filtering proxies. */
export const PROXY_NAMES = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy', 'ALL_PROXY', 'all_proxy', 'NO_PROXY', 'no_proxy'] as const;

/** What the broker and its relays take from a child's limits. */
export const BROKER_SHARE = { memoryBytes: 192 * 1024 * 1024, threads: 48 } as const;

const TOOLS = ['socat', 'rg', 'bash'] as const;

/** The command that closes a missing part. */
export const HOSTS_FIX = 'apt-get install socat ripgrep';

/** Names of missing tools; empty when the filter can be tried. */
export function missingTools(): string[] {
  return TOOLS.filter((tool) => !existsSync(join('/usr/bin', tool)) && !existsSync(join('/bin', tool)));
}

/** Words of the list as the filter writes them. */
export function allowedDomains(hosts: readonly { host: string; port: number | null }[]): string[] {
  return hosts.map(({ host, port }) => (port === null ? host : `${host}:${port}`));
}

/** Entries that are no names of other machines: what they lead to could not be judged. */
export function addressesIn(domains: readonly string[]): string[] {
  return domains.filter((domain) => {
    const host = domain.replace(/:\d+$/, '').replace(/\.$/, '').toLowerCase();
    // A last part that is a number is an address in one of its many spellings.
    return isIP(host) !== 0 || isIP(domain) !== 0 || host.startsWith('[') || /^(.*\.)?localhost$/.test(host) || /(^|\.)(0x[0-9a-f]*|\d+)$/.test(host);
  });
}

/** File of the broker: a second entry of the program. */
export function brokerFile(): string {
  return fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './hosts-broker.ts' : './hosts-broker.mjs', import.meta.url));
}

/** The seccomp helper beside the built program. */
export function seccompHelper(arch: string): string | null {
  const file = join(dirname(brokerFile()), 'vendor', 'seccomp', arch, 'apply-seccomp');
  return existsSync(file) ? file : null;
}
