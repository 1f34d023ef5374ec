import { z } from 'zod';
import { createOpenApi } from '../src/api/index.ts';
import { renderConfigurationPage } from '../src/config/index.ts';
import * as contracts from '../src/contracts/index.ts';
import { ERROR_NOTES } from './error-notes.ts';

const toKebab = (name: string): string => name.replace(/Schema$/, '').replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
const toText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function schemaFiles(): [string, string][] {
  return Object.entries(contracts).flatMap(([name, value]): [string, string][] => {
    if (!name.endsWith('Schema') || !(value instanceof z.ZodType)) return [];
    return [[`contracts/${toKebab(name)}.schema.json`, toText(z.toJSONSchema(value, { unrepresentable: 'any', io: 'input' }))]];
  });
}

/** Replaces what stands between `<!-- generated: name -->` and `<!-- end -->`. */
function fillSection(page: string, name: string, body: string): string {
  const open = `<!-- generated: ${name} -->`;
  const start = page.indexOf(open);
  const end = page.indexOf('<!-- end -->', start);
  if (start < 0 || end < 0) throw new Error(`the page has no generated section ${name}`);
  return `${page.slice(0, start + open.length)}\n${body}\n${page.slice(end)}`;
}

function errorTable(): string {
  const rows = Object.entries(contracts.CATALOGUE).map(([code, { status, retryable, en, zh }]) => {
    const note = ERROR_NOTES[code as contracts.ErrorCode]; // proof: the keys of CATALOGUE are the codes
    return `| \`${code}\` | ${status ?? 'stream'} | ${retryable ? 'yes' : 'no'} | ${note.cause} | ${note.handledBy} | ${en} / ${zh} |`;
  });
  return ['| Code | Status | Retry | Cause | Handled by | What the learner sees |', '|---|---|---|---|---|---|', ...rows].join('\n');
}

function noticeTable(): string {
  const rows = Object.entries(contracts.NOTICES).map(([code, [en, zh]]) => `| \`${code}\` | ${en} / ${zh} |`);
  return ['| Notice | What the learner sees |', '|---|---|', ...rows].join('\n');
}

/** Every generated file by its path; pages keep what people wrote around the generated sections. */
export function generatedFiles(readPage: (name: string) => string): Map<string, string> {
  const errors = fillSection(fillSection(readPage('docs/errors.md'), 'errors', errorTable()), 'notices', noticeTable());
  return new Map([
    ...schemaFiles(),
    ['openapi.json', toText(createOpenApi())],
    ['docs/errors.md', errors],
    ['docs/configuration.md', renderConfigurationPage()],
  ]);
}
