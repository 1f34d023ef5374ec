import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The version that the build wrote in, else the one of the checkout. */
export function programVersion(programDir: string): string {
  const built = process.env['SIDECAR_BUILD_VERSION'];
  if (built !== undefined && built !== '') return built;
  try {
    const facts: unknown = JSON.parse(readFileSync(join(programDir, 'package.json'), 'utf8'));
    return typeof facts === 'object' && facts !== null && 'version' in facts ? String(facts.version) : '0.0.0';
  } catch {
    return '0.0.0'; // Sources without their package file: a version nobody compares.
  }
}
