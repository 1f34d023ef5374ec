// Stands between the host and one child that may reach a list of hosts. Its state is that of one run, and it lives and dies with it.
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { SandboxManager } from '@anthropic-ai/sandbox-runtime';
import { DENIED_ADDRESSES, HostsPolicySchema, PROXY_NAMES, type HostsPolicy } from './hosts-policy.ts';

const RELAY_CHECK_MS = 200;

async function main(file: string): Promise<void> {
  const policy = HostsPolicySchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  rmSync(file);
  // Its files lie with the run, and what it protects in its working folder is not the learner's.
  process.env['TMPDIR'] = policy.temporary;
  // A shell whose input is a socket reads `.bashrc`, and the home of the lane belongs to the learner: this one has no home.
  Object.assign(process.env, { HOME: '/nonexistent', SHLVL: '2' });
  process.chdir(policy.temporary);
  const literal = (path: string): { path: string; literal: true } => ({ path, literal: true });
  await SandboxManager.initialize({
    network: {
      allowedDomains: policy.allowed_domains, deniedDomains: [], deniedResolvedAddresses: [...DENIED_ADDRESSES], strictAllowlist: true,
      allowLocalBinding: false,
    },
    filesystem: {
      denyRead: policy.deny_read.map(literal), allowRead: policy.allow_read.map(literal), allowWrite: policy.allow_write.map(literal), denyWrite: [],
    },
    bwrapPath: policy.bwrap,
    ...(policy.seccomp_helper === null ? {} : { seccomp: { applyPath: policy.seccomp_helper } }),
  });
  const relays = relayPids();
  if (process.platform === 'linux' && relays.length === 0) throw new Error('no relay was started');
  const { argv: [program = '', ...rest], env } = await SandboxManager.wrapWithSandboxArgv(shellCommand(policy), 'bash');
  const child = spawn(program, rest, { env: { ...env, HOME: '/nonexistent', SHLVL: '2' }, stdio: 'inherit' });
  child.once('error', (error) => fail(error));
  child.once('exit', (code, signal) => {
    // What lies in the run folder was the program's to change, so nothing is cleaned up from here: the host removes it all.
    process.removeAllListeners('exit');
    process.exit(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
  });
  // Without a relay the run is not what it was promised to be; the launcher ends the rest.
  setInterval(() => {
    if (!relays.every(isAlive)) process.kill(process.pid, 'SIGKILL');
  }, RELAY_CHECK_MS);
}

/** The environment of the lane and the proxies, nothing else; by address, since the child has no names to look up. */
function shellCommand(policy: HostsPolicy): string {
  const proxies = PROXY_NAMES.map((name) => `"${name}=\${${name}//@localhost:/@127.0.0.1:}"`);
  const own = Object.entries(policy.environment).map(([name, value]) => quote(`${name}=${value}`));
  return `cd ${quote(policy.cwd)} && exec /usr/bin/env -i ${[...proxies, ...own, ...policy.command.map(quote)].join(' ')}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function relayPids(): number[] {
  try {
    return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function fail(error: unknown): never {
  process.stderr.write(`sandbox-runtime: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(125);
}

const [, , file = ''] = process.argv;
if (dirname(file) === '.') fail(new Error('no policy'));
await main(file).catch(fail);
