// npm test: sets the checkout up, then types, lint, build and every test. Ends with one line: N passed, N failed, N skipped.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildIfStale } from './build-if-stale.mjs';
import { node26, root, setUp } from './setup.mjs';

const checks = [
  ['types', ['node_modules/typescript/bin/tsc', '--noEmit']],
  ['lint', ['node_modules/oxlint/bin/oxlint', '--deny-warnings']],
];

function run(title, args) {
  process.stdout.write(`\n— ${title}\n`);
  return spawnSync(node26, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;
}

/** Counts of a vitest JSON report; a report that is missing counts as one failure. */
function readCounts(file) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    const failedSuites = report.testResults.filter((suite) => suite.status === 'failed' && suite.assertionResults.length === 0).length;
    return {
      passed: report.numPassedTests, failed: report.numFailedTests + failedSuites, skipped: report.numPendingTests + report.numTodoTests,
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

setUp();
const folder = mkdtempSync(join(tmpdir(), 'sidecar-test-'));
const totals = { passed: 0, failed: 0, skipped: 0 };
for (const [title, args] of checks) totals[run(title, args) ? 'passed' : 'failed'] += 1;
buildIfStale();
const report = join(folder, 'report.json');
const tested = run('tests', ['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json', `--outputFile=${report}`, ...process.argv.slice(2)]);
const counts = readCounts(report);
rmSync(folder, { recursive: true, force: true });
for (const key of Object.keys(totals)) totals[key] += counts[key];
if (!tested && totals.failed === 0) totals.failed += 1;
process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
process.exit(totals.failed === 0 ? 0 : 1);
