import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { freePort } from './free-port.ts';
import { keepProcess } from './kept-processes.ts';
import { within } from './provider/bounded.ts';
import { createTemporaryFolder } from './temporary-folder.ts';
import type { TemporaryFolder } from './temporary-folder.ts';

const READY_MS = 110_000;

/** A real Jupyter Kernel Gateway. */
export interface KernelGateway extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Asks its REST interface with its token. */
  call(method: string, path: string): Promise<{ status: number; body: any }>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
}

export interface KernelGatewayOptions {
  python: string;
  token: string;
  port?: number;
  /** It refuses to list its kernels, as it does by default. */
  hidesKernels?: boolean;
  /** Further arguments of the gateway. */
  args?: readonly string[];
  /** PEM: it serves https with this certificate. */
  tls?: { certificate: string; key: string; authority: string };
}

/** Starts `jupyter_kernel_gateway` and waits until it says that it is there. */
export async function startKernelGateway(options: KernelGatewayOptions): Promise<KernelGateway> {
  const folder = await createTemporaryFolder('kernel-gateway');
  const port = options.port ?? await freePort();
  const args = ['-m', 'kernel_gateway', '--KernelGatewayApp.ip=127.0.0.1', `--KernelGatewayApp.port=${port}`, '--KernelGatewayApp.port_retries=0', `--JupyterWebsocketPersonality.list_kernels=${options.hidesKernels === true ? 'False' : 'True'}`, ...(options.args ?? [])];
  if (options.tls !== undefined) args.push(...await writeTls(folder, options.tls));
  const child = spawn(options.python, args, {
    cwd: folder.path, stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', HOME: folder.path, JUPYTER_RUNTIME_DIR: folder.join('runtime'), KG_AUTH_TOKEN: options.token },
  });
  const exited = once(child, 'exit');
  let said = '';
  keepProcess({ title: 'the kernel gateway', child, log: () => said });
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  const isThere = new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the kernel gateway ended with ${code}: ${said}`)));
    createInterface({ input: child.stderr }).on('line', (line) => {
      said = `${said}${line}\n`.slice(-8_000);
      if (line.includes('is available at')) resolve();
    });
  });
  await within(isThere, READY_MS, () => `the kernel gateway is not ready: ${said}`).catch(async (error: unknown) => {
    await kill();
    throw error;
  });
  const url = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  return {
    url, port, kill,
    call: async (method, path) => {
      const response = await fetch(url + path, { method, headers: { authorization: `token ${options.token}` } });
      const text = await response.text();
      return { status: response.status, body: text === '' ? null : JSON.parse(text) };
    },
    [Symbol.asyncDispose]: async () => {
      await kill();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function writeTls(folder: TemporaryFolder, { certificate, key }: { certificate: string; key: string }): Promise<string[]> {
  await writeFile(folder.join('server.pem'), certificate);
  await writeFile(folder.join('server.key'), key);
  return [`--KernelGatewayApp.certfile=${folder.join('server.pem')}`, `--KernelGatewayApp.keyfile=${folder.join('server.key')}`];
}
