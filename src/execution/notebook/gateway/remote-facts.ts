import { GUARD_NAMES } from '../../../contracts/index.ts';
import type { LaneReport } from '../../../contracts/index.ts';
import { GUARD_IDS } from '../../guard/index.ts';
import type { KernelInfo } from '../connection/kernel-connection.ts';
import type { GatewaySettings } from './gateway-client.ts';
import type { GatewayState } from './gateway.ts';

/** What an ended remote kernel leaves to say. */
export const LAST_WORDS: Readonly<Record<string, string>> = {
  culled: 'The kernel was ended on its gateway. The next cell starts a new one.',
  died: 'The process of the kernel died on its gateway.',
  restarted: 'Somebody else restarted the kernel on its gateway.',
  unreachable: 'The gateway of the kernel could not be reached any more.',
  silent: 'Nothing more came from the kernel after its connection was lost.',
  protocol: 'The gateway sent something that is no Jupyter message.',
};

/** Nothing of ours guards a remote kernel but time, output and the interrupt rules. */
const OURS: readonly string[] = ['wall_time', 'output', 'interrupt'];
export const REMOTE_GUARDS = Object.fromEntries(GUARD_IDS.map((id) => [id, OURS.includes(id) ? 'enforced' : 'absent'])) as KernelInfo['guards'];

const OPERATOR = 'set by its operator';

/** The notebook lane as the capability report shows it when a gateway runs the kernels. */
export function remoteLane(settings: GatewaySettings, { problem, fix }: GatewayState): LaneReport {
  const guards = Object.fromEntries(GUARD_NAMES.map((name) => [name, OURS.includes(name) ? { state: 'enforced', reason: null } : { state: 'absent', reason: OPERATOR }]));
  return {
    available: problem === null, reason: problem === null ? null : `${problem}; ${fix}`, guards: guards as LaneReport['guards'], // proof: one entry per guard name
    backend: 'remote', warnings: settings.files.mode === 'none' ? ['remote kernels do not see the workspace'] : [],
  };
}
