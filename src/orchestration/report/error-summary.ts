import { type StudentErrorEntry, languageOf } from '../../contracts/index.ts';
import { inline } from './inline.ts';
import { REPORT_WORDS } from './words.ts';

const KINDS = ['conceptual', 'coding', 'scaffolding'] as const;

/** The learner's errors as Markdown, one heading per kind; empty without errors. */
export function renderErrorSummary(errors: readonly StudentErrorEntry[], language: string): string {
  if (errors.length === 0) return '';
  const words = REPORT_WORDS[languageOf(language)];
  const sections = KINDS.map((kind) => {
    const lines = errors.filter((entry) => entry.error_type === kind).map((entry) => {
      const context = inline(entry.context);
      return `- ${words.turn(entry.turn_index)}${words.colon}${inline(entry.description)}${context === '' ? '' : ` (${words.context}${words.colon}${context})`}`;
    });
    return `## ${words.errors[kind]}\n\n${lines.length > 0 ? lines.join('\n') : `- ${words.final.none}`}`;
  });
  return `# ${words.errorTitle}\n\n${sections.join('\n\n')}\n`;
}
