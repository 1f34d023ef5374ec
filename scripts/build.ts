// Builds dist/sidecar: main.mjs, the parts that it loads when they are needed, and the texts beside them.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(root, 'dist', 'sidecar');
// Built beside the target and moved there, so that a failed build or a running program never meets half of one.
const out = join(root, 'dist', `.new-${process.pid}`);
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

// Fastify and ws ask for TLS modules at load time, 20 MB of memory that a loopback server does not need. They get them at first use.
const lazyTls: Plugin = {
  name: 'lazy-tls',
  setup(bundler) {
    bundler.onResolve({ filter: /^(node:)?(https|http2|tls)$/ }, ({ path, importer }) =>
      (/[\\/]node_modules[\\/](fastify|ws)[\\/]/.test(importer) ? { path: path.replace(/^(node:)?/, 'node:'), namespace: 'lazy' } : undefined));
    bundler.onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, { get: (_target, name) => process.getBuiltinModule('${path}')[name] });`,
    }));
  },
};

// Fastify's schema compilers (ours are given to it), its test client, and the languages of zod's messages that we do not speak: 0.6 MB of text that nothing reads.
const unused: Plugin = {
  name: 'unused',
  setup(bundler) {
    bundler.onResolve({ filter: /^(@fastify\/ajv-compiler|@fastify\/fast-json-stringify-compiler|light-my-request)$/ }, ({ path }) => ({ path, namespace: 'unused' }));
    bundler.onLoad({ filter: /.*/, namespace: 'unused' }, ({ path }) => ({ contents: `throw new Error('${path} is not part of the program');` }));
    bundler.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({ contents: "export { default as en } from './en.js'; export { default as zhCN } from './zh-CN.js';" }));
  },
};

mkdirSync(out, { recursive: true });
try {
  await bundle();
  replaceTarget();
  await bundleForDesktop();
} finally {
  rmSync(out, { recursive: true, force: true });
}

async function bundle(): Promise<void> {
  await build({
    absWorkingDir: root,
    // The disk meter runs in a thread and the broker in a process, which want files of their own.
    entryPoints: {
      main: 'src/main.ts', 'disk-meter-thread': 'src/execution/guard/disk-meter-thread.ts', 'hosts-broker': 'src/execution/guard/hosts-broker.ts',
    },
    outdir: out,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    // The engine keeps the memory of its largest parse: one file of 3 MB costs 14 MB more than the same in parts. They lie beside
    // main.mjs, because modules find their neighbours and the program's folder by their own address.
    splitting: true,
    chunkNames: 'part-[hash]',
    platform: 'node',
    format: 'esm',
    target: 'node26',
    minify: true,
    keepNames: true,
    sourcemap: 'external',
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [lazyTls, unused],
    define: { 'process.env.SIDECAR_BUILD_VERSION': JSON.stringify(version) },
    // CommonJS packages ask for `require`; an ESM file has none of its own.
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  });
  for (const file of readdirSync(out)) if (file.endsWith('.mjs')) keepOneByte(join(out, file));
  cpSync(join(root, 'node_modules', '@anthropic-ai', 'sandbox-runtime', 'vendor', 'seccomp'), join(out, 'vendor', 'seccomp'), {
    recursive: true, filter: (path) => !path.endsWith('.ts'),
  });
  for (const folder of ['prompts', 'content', 'web', 'python']) {
    if (existsSync(join(root, folder))) cpSync(join(root, folder), join(out, folder), { recursive: true });
  }
  compilePython();
  writeFileSync(join(out, 'package.json'), `${JSON.stringify({ name: 'sidecar', version, type: 'module', private: true })}\n`);
}

/** What the desktop imports runs in Electron's Node and in pages: ES2022, no newer APIs. */
async function bundleForDesktop(): Promise<void> {
  const shared = { absWorkingDir: root, bundle: true, format: 'esm', target: 'es2022', legalComments: 'none', logLevel: 'warning', keepNames: true } as const;
  await build({ ...shared, entryPoints: ['src/client/index.ts'], outfile: 'dist/client/index.mjs', platform: 'browser' });
  await build({ ...shared, entryPoints: ['src/supervisor/index.ts'], outfile: 'dist/supervisor/index.mjs', platform: 'node' });
}

/**
 * Workers may not write bytecode, and would compile their own modules at every start. Without the checkout's runtime they still do. The
 * files are not compared with the sources again, because both are made here together.
 */
function compilePython(): void {
  const python = join(root, '.runtime', process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  if (!existsSync(python) || !existsSync(join(out, 'python'))) return;
  spawnSync(python, ['-I', '-m', 'compileall', '-q', '--invalidation-mode', 'unchecked-hash', '-s', out, join(out, 'python')], { stdio: 'inherit' });
}

/** Escapes the few characters (all in regular expressions) that would make the engine hold the whole file with two bytes a character. */
function keepOneByte(file: string): void {
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(/[^\u0000-\u007f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`));
}

function replaceTarget(): void {
  const old = `${target}.old-${process.pid}`;
  if (existsSync(target)) renameSync(target, old);
  renameSync(out, target);
  rmSync(old, { recursive: true, force: true });
}
