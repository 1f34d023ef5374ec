import { posix, win32 } from 'node:path';
import * as z from 'zod';
import { languageOf } from '../contracts/index.ts';

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** Any text. */
export const text = z.string();

/** A whole number in a range. */
export function wholeNumber(min: number, max: number): z.ZodType<number, string> {
  const rule = `must be a whole number from ${min} to ${max}`;
  return z.string().regex(/^\d{1,15}$/, { error: rule }).transform(Number)
    .refine((value) => value >= min && value <= max, { error: rule });
}

/** A decimal number in a range. */
export function decimal(min: number, max: number): z.ZodType<number, string> {
  const rule = `must be a number from ${min} to ${max}`;
  return z.string().regex(/^\d{1,6}(\.\d{1,6})?$/, { error: rule }).transform(Number)
    .refine((value) => value >= min && value <= max, { error: rule });
}

/** One of a few words, in any case. */
export function choice<const T extends string>(...words: readonly T[]): z.ZodType<T, string> {
  return z.string().toLowerCase().transform((value, context) => {
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    context.addIssue({ code: 'custom', message: `must be one of ${words.join(', ')}` });
    return z.NEVER;
  });
}

/** A switch. */
export const onOff: z.ZodType<boolean, string> = choice('1', 'true', 'on', 'yes', '0', 'false', 'off', 'no')
  .transform((word) => ['1', 'true', 'on', 'yes'].includes(word));

/** An absolute path of the platform; a relative one is refused, because nothing is resolved against the working directory. */
export function absolutePath(platform: NodeJS.Platform): z.ZodType<string, string> {
  const { isAbsolute } = platform === 'win32' ? win32 : posix;
  return z.string().refine((value) => isAbsolute(value) && !value.includes('\0'), { error: 'must be an absolute path' });
}

/** Absolute paths, separated as in `PATH`. */
export function absolutePaths(platform: NodeJS.Platform): z.ZodType<string[], string> {
  const { delimiter } = platform === 'win32' ? win32 : posix;
  return z.string().transform((value) => value.split(delimiter).map((part) => part.trim()).filter((part) => part !== ''))
    .pipe(z.array(absolutePath(platform)));
}

/** An address of this machine. */
export const loopbackHost: z.ZodType<string, string> = z.string().toLowerCase().transform((value, context) => {
  const host = value === '[::1]' ? '::1' : value;
  if (host === 'localhost') return '127.0.0.1';
  if (host === '127.0.0.1' || host === '::1') return host;
  context.addIssue({ code: 'custom', message: 'must be a loopback address (127.0.0.1, ::1 or localhost)' });
  return z.NEVER;
});

/** A bearer secret that fits into a header. */
export const token = z.string().regex(/^[\x21-\x7e]{32,1024}$/, { error: 'must have at least 32 printable characters and no space' });

/** A key that fits into a header. */
export const headerValue = z.string().regex(/^[\x21-\x7e]{1,4096}$/, { error: 'must be printable text without spaces' });

/** Splits at commas; blank parts are dropped. */
export const list: z.ZodType<string[], string> = z.string()
  .transform((value) => value.split(',').map((part) => part.trim()).filter((part) => part !== ''));

/** Exact origins of pages that may call with a token. */
export const allowedOrigins: z.ZodType<string[], string> = list.refine((origins) => origins.every(isExactOrigin), {
  error: 'must be a comma-separated list of scheme://host[:port] in lower case, without wildcards, paths or null',
});

/** Origins of the shipped desktop; `null` and `file://` are among them. */
export const desktopOrigins: z.ZodType<string[], string> = list
  .refine((origins) => origins.every((origin) => origin === 'null' || origin === 'file://' || isExactOrigin(origin)), {
    error: 'must be a comma-separated list of null, file:// or scheme://host[:port], without wildcards',
  });

/** Origins of backends: https, or http on loopback. */
export const backendOrigins: z.ZodType<string[], string> = list.transform((origins, context) => origins.map((origin) => {
  const url = URL.parse(origin);
  const isSafe = url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.has(url.hostname)));
  if (isSafe && url.href === `${url.origin}/`) return url.origin;
  context.addIssue({ code: 'custom', message: 'must be a comma-separated list of https origins (http only on loopback)' });
  return z.NEVER;
}));

/** A model provider's base: http or https, without query, fragment or user info. */
export const baseUrl: z.ZodType<string, string> = z.string().refine((value) => {
  const url = URL.parse(value);
  const isPlain = url !== null && url.username === '' && url.password === '' && !value.includes('?') && !value.includes('#');
  return isPlain && (url.protocol === 'https:' || url.protocol === 'http:') && url.hostname !== '';
}, { error: 'must be an http(s) address without query, fragment or user info' });

/** https, or http on loopback, without query, fragment or user info. */
export const secureUrl: z.ZodType<string, string> = baseUrl.refine((value) => isSecureAddress(value), {
  error: 'must be an https address (http only on loopback)',
});

/** `en`, `zh` and what begins like them. */
export const language: z.ZodType<'en' | 'zh', string> = z.string().regex(/^(en|zh)([-_].*)?$/i, { error: 'must be en or zh' })
  .transform((tag) => languageOf(tag));

/** True for https and for http on this machine. */
export function isSecureAddress(address: string): boolean {
  const url = URL.parse(address);
  return url !== null && (url.protocol === 'https:' || LOOPBACK.has(url.hostname));
}

function isExactOrigin(origin: string): boolean {
  const match = /^([a-z][a-z0-9+.-]*):\/\/([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?$/.exec(origin);
  if (match === null) return false;
  // Browsers leave out a scheme's own port, so an origin that names it would never match.
  return !['http', 'https'].includes(match[1] ?? '') || URL.parse(origin)?.origin === origin;
}
