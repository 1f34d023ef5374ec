import { loadFrugally, runCommandLine } from './cli/index.ts';

loadFrugally();

// A reader that went away must not end the program.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const code = await runCommandLine(process.argv.slice(2));
// Pipes are written in the background on Windows; the last line must be out before the process is.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise<void>((resolve) => {
  stream.write('', () => resolve());
})));
process.exit(code);
