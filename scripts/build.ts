// Builds dist/sidecar: one ESM file and the texts beside it.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, 'dist', 'sidecar');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await build({
  absWorkingDir: root,
  // The disk meter runs in a thread, which wants a file of its own.
  entryPoints: { main: 'src/main.ts', 'disk-meter-thread': 'src/execution/guard/disk-meter-thread.ts' },
  outdir: 'dist/sidecar',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node26',
  minify: true,
  keepNames: true,
  sourcemap: 'external',
  legalComments: 'none',
  logLevel: 'warning',
  define: { 'process.env.SIDECAR_BUILD_VERSION': JSON.stringify(version) },
  // CommonJS packages ask for `require`; an ESM file has none of its own.
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
});
for (const folder of ['prompts', 'content', 'web', 'python']) {
  if (existsSync(join(root, folder))) cpSync(join(root, folder), join(out, folder), { recursive: true });
}
writeFileSync(join(out, 'package.json'), `${JSON.stringify({ name: 'sidecar', version, type: 'module', private: true })}\n`);
