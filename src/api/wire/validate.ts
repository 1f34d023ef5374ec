import * as z from 'zod';
import { zhCN } from 'zod/locales';
import { SidecarError } from '../../contracts/index.ts';
import type { Language } from '../../contracts/index.ts';

const zhErrors = zhCN().localeError;

/** Our own field names look like this; a key that the client chose may be a value in disguise. */
const FIELD_NAME = /^[a-z][a-z_]{0,39}$/;

/** Names the first wrong field and its rule, never the value. */
function describeIssue(issue: z.core.$ZodIssue): string {
  const field = issue.path.map((step) => (typeof step === 'number' || FIELD_NAME.test(String(step)) ? String(step) : '…')).join('.');
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
