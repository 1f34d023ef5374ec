import { constants } from 'node:os';
import { posix } from 'node:path';
import type { Hint, Reason } from '../../worker/index.ts';
import type { CellError } from './cell-messages.ts';

const WORKSPACE = '/workspace';
const NO_NAME = /\[Errno -\d+\]/;
const NETWORK_ERROR = /^(?:socket\.)?(?:gaierror|herror)$/;
const NETWORK_TRACE = /\b(?:socket|ssl|connection|client|selector_events|base_events|socketserver)\.py\b|\bsocket\b/;
const MISSING_FILE = /\[Errno 2\] [^:]*: '([^']*)'$/;
const NO_DEVICE = /\[Errno 6\] [^:]*: '(?:\/dev\/std(?:out|err|in)|\/proc\/self\/fd\/|\/dev\/fd\/)/;
const { ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EAFNOSUPPORT, ENETDOWN, ECONNREFUSED } = constants.errno;
const UNREACHABLE = new Set([ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EAFNOSUPPORT, ENETDOWN, ECONNREFUSED]);

/** The error of a program that looked for a network where there is none. */
export function isNetworkError(ename: string, evalue: string): boolean {
  const errno = /\[Errno (\d+)\]/.exec(evalue)?.[1];
  return NETWORK_ERROR.test(ename) || NO_NAME.test(evalue) || (errno !== undefined && UNREACHABLE.has(Number(errno)));
}

/** What may help after an error; the same hints as for runs, as far as names and texts of errors show them. */
export function hintsOf(reason: Reason, error: CellError | null, isNetworkOff: boolean): Hint[] {
  if (reason === 'memory_limit') return ['memory'];
  if (error === null) return [];
  const { ename, evalue, traceback } = error;
  if (reason === 'sandbox_denied') {
    const isNetwork = isNetworkOff && (isNetworkError(ename, evalue) || (!/: '/.test(evalue) && NETWORK_TRACE.test(traceback.join('\n'))));
    return [isNetwork ? 'network_off' : 'outside_workspace'];
  }
  if (reason !== 'error') return [];
  if (ename === 'StdinNotImplementedError' || (ename === 'EOFError' && evalue === 'EOF when reading a line')) return ['no_input'];
  if (ename === 'ModuleNotFoundError' && /^No module named '[^_]/.test(evalue)) return ['missing_package'];
  if (/^Unicode(?:Decode|Encode|Translate)?Error$/.test(ename)) return ['encoding'];
  if (NO_DEVICE.test(evalue)) return ['dev_stdout'];
  const [, missing] = ename === 'FileNotFoundError' ? MISSING_FILE.exec(evalue) ?? [] : [];
  return missing !== undefined && leadsOutside(missing) ? ['outside_workspace'] : [];
}

function leadsOutside(name: string): boolean {
  return !`${posix.resolve(WORKSPACE, name)}/`.startsWith(`${WORKSPACE}/`);
}
