/** What is wrong with a gateway, in the word that the status shows. */
export type GatewayProblem =
  | 'unreachable' | 'untrusted' | 'refused' | 'forbidden' | 'redirected' | 'missing' | 'failing' | 'slow' | 'unusable';

/** The way out of each problem. */
const FIXES: Record<GatewayProblem, string> = {
  unreachable: 'check SIDECAR_KERNEL_GATEWAY_URL, and whether the gateway runs',
  untrusted: 'name the certificate authority of the gateway in NODE_EXTRA_CA_CERTS and start again',
  refused: 'check SIDECAR_KERNEL_GATEWAY_TOKEN and SIDECAR_KERNEL_GATEWAY_AUTH_SCHEME',
  forbidden: 'end kernels on the gateway, or ask its operator for more of them',
  redirected: 'set SIDECAR_KERNEL_GATEWAY_URL to the address that it redirects to',
  missing: 'check the path in SIDECAR_KERNEL_GATEWAY_URL',
  failing: 'see the log of the gateway',
  slow: 'see the log of the gateway; KERNEL_LAUNCH_TIMEOUT in SIDECAR_KERNEL_GATEWAY_ENV gives a start more time',
  unusable: 'check that SIDECAR_KERNEL_GATEWAY_URL names a Jupyter gateway with a python3 kernel',
};

/** The gateway answered with an error, with nonsense, or not at all. `status` 0 = no usable answer. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly problem: GatewayProblem;
  readonly status: number;

  constructor(problem: GatewayProblem, message: string, options: { cause?: unknown; status?: number } = {}) {
    super(message, { cause: options.cause });
    this.problem = problem;
    this.status = options.status ?? 0;
  }

  get fix(): string {
    return FIXES[this.problem];
  }
}

/** The error of an answer that is none of 2xx, as REST and the socket's handshake give it. */
export function errorOfStatus(status: number): GatewayError {
  const of = (problem: GatewayProblem, message: string): GatewayError => new GatewayError(problem, message, { status });
  if (status === 401) return of('refused', 'the gateway refused the token (401)');
  if (status === 403) return of('forbidden', 'the gateway allows no more kernels, or not this one (403)');
  if (status === 404) return of('missing', 'the gateway does not know this (404)');
  if (status >= 300 && status < 400) return of('redirected', `the gateway redirects elsewhere, which is not followed (${status})`);
  return of('failing', `the gateway answered ${status}`);
}

/** The error of a connection that did not come about, or broke. */
export function errorOfConnection(cause: unknown): GatewayError {
  const code = codeOf(cause);
  if (UNTRUSTED.test(code)) return new GatewayError('untrusted', `the gateway's certificate is not trusted (${code})`, { cause });
  return new GatewayError('unreachable', `the gateway cannot be reached${code === '' ? '' : ` (${code})`}`, { cause });
}

const UNTRUSTED = /CERT|SIGNED|SIGNATURE|ALTNAME|ISSUER|HOSTNAME/;
const DEPTH = 4;

/** The system's code, which lies below the error of `fetch`. */
function codeOf(error: unknown): string {
  let cause = error;
  for (let depth = 0; depth < DEPTH && cause instanceof Error; depth += 1) {
    const { code } = cause as { code?: unknown }; // proof: read as unknown
    if (typeof code === 'string') return code;
    cause = cause.cause;
  }
  return '';
}
