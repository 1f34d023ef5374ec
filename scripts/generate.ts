// Writes what is generated from the code: contracts/*.schema.json, openapi.json, the tables of docs/errors.md and docs/configuration.md.
// With --check it writes nothing and ends with 1 when a file differs.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from './generated-files.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const isCheck = process.argv.includes('--check');
const files = generatedFiles((name) => {
  const path = join(root, name);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
});
const stale = [...files].filter(([name, text]) => !existsSync(join(root, name)) || readFileSync(join(root, name), 'utf8') !== text);
const known = existsSync(join(root, 'contracts')) ? readdirSync(join(root, 'contracts')).map((name) => `contracts/${name}`) : [];
const extra = known.filter((name) => !files.has(name));

if (isCheck) {
  for (const name of [...stale.map(([stranger]) => stranger), ...extra]) console.error(`${name} is not as generated; run npm run generate`);
  process.exit(stale.length + extra.length === 0 ? 0 : 1);
}
for (const [name, text] of stale) {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text);
}
for (const name of extra) rmSync(join(root, name));
console.error(`${stale.length} written, ${extra.length} removed`);
