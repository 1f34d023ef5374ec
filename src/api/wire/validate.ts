import { z } from 'zod';
import { zhCN } from 'zod/locales';
import { SidecarError } from '../../contracts/index.ts';
import type { Language } from '../../contracts/index.ts';

const zhErrors = zhCN().localeError;

/** Names the first wrong field and its rule, never the value. */
function describeIssue(issue: z.core.$ZodIssue): string {
  const field = issue.path.map(String).join('.');
  return field === '' ? issue.message : `${field}: ${issue.message}`;
}

/** Parses what a client sent with its schema. Throws VALIDATION_FAILED. */
export function parseWith<T extends z.ZodType>(schema: T, input: unknown, language: Language): z.output<T> {
  const parsed = schema.safeParse(input ?? {}, language === 'zh' ? { error: zhErrors } : undefined);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const detail = issue === undefined ? '' : describeIssue(issue);
  throw new SidecarError('VALIDATION_FAILED', 'request does not fit its schema', { detail, language });
}
