/** Replaces secrets on every way out: by value, by field name, by shape. */
export interface Redactor {
  /** From now on this value is replaced, also URL-, base64- and JSON-encoded. Values under six characters are too common to replace. */
  register(secret: string): void;
  /** Like `register`, for tokens of sessions: they come and go, the oldest leaves first. */
  registerPassing(secret: string): void;
  /** The registered values, for filters that must know a secret before its end is seen. */
  values(): readonly string[];
  /** The text without secrets. */
  redact(text: string): string;
  /** A copy of a plain value without secrets; fields with a secret's name lose their whole value. Live objects become text. */
  redactFields(value: unknown): unknown;
}

const MARK = '[redacted]';
const MIN_LENGTH = 6;
const MAX_PASSING_SECRETS = 1024;
const MAX_DEPTH = 8;

const SECRET_FIELD = /^(authorization|proxy-authorization|cookie|set-cookie|token|.*_token|.*api[-_]?key.*|.*secret.*|.*password.*)$/i;
// Every repetition is bounded: the text may be what a learner's program printed, made to be slow.
const FIELD_IN_TEXT = /(["']?\b(?:proxy-)?(?:authorization|set-cookie|cookie|\w{0,40}_token|[\w-]{0,40}api[-_]?key[\w-]{0,40}|\w{0,40}secret\w{0,40}|\w{0,40}password\w{0,40})["']?\s{0,4}[:=]\s{0,4}["']?)((?:bearer |basic |token )?[^\s"'\\,;&(){}[\]]{8,})/gi;
const SHAPES: readonly RegExp[] = [
  /\beyJ[\w-]{8,512}\.[\w-]{8,8192}\.[\w-]{0,2048}/g,
  /\b(?:sk|pk|rk)-[\w-]{16,}/g,
  /\b(?:ghp|gho|ghu|ghs|ghr)_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bhf_\w{20,}/g,
  /\bxox[abprs]-[\w-]{10,}|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{30,}/g,
];
const BEARER = /\b(bearer\s{1,4})[\w.~+/=-]{8,}/gi;

/** Makes a redactor that knows the shapes and names of secrets and learns their values. */
export function createRedactor(): Redactor {
  const lasting = new Map<string, readonly string[]>();
  const passing = new Map<string, readonly string[]>();
  const redact = (text: string): string => {
    let clean = text;
    for (const encodings of [...lasting.values(), ...passing.values()]) {
      for (const form of encodings) if (clean.includes(form)) clean = clean.replaceAll(form, MARK);
    }
    for (const shape of SHAPES) clean = clean.replace(shape, MARK);
    return clean.replace(BEARER, `$1${MARK}`).replace(FIELD_IN_TEXT, `$1${MARK}`);
  };
  return {
    register(secret) {
      if (secret.length < MIN_LENGTH || lasting.has(secret)) return;
      passing.delete(secret);
      lasting.set(secret, encodingsOf(secret));
    },
    registerPassing(secret) {
      if (secret.length < MIN_LENGTH || lasting.has(secret) || passing.has(secret)) return;
      const [oldest] = passing.keys();
      if (passing.size >= MAX_PASSING_SECRETS && oldest !== undefined) passing.delete(oldest);
      passing.set(secret, encodingsOf(secret));
    },
    values: () => [...lasting.keys(), ...passing.keys()],
    redact,
    redactFields: (value) => redactValue(value, redact, 0),
  };
}

function redactValue(value: unknown, redact: (text: string) => string, depth: number): unknown {
  if (typeof value === 'string') return redact(value);
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' || typeof value === 'symbol' ? String(value) : value;
  if (depth >= MAX_DEPTH) return '[too deep]';
  if (Array.isArray(value)) return value.map((part) => redactValue(part, redact, depth + 1));
  const fields = value instanceof Error ? errorFields(value) : 'toJSON' in value ? { value: String(value) } : value;
  return Object.fromEntries(Object.entries(fields).map(([name, part]) =>
    [name, isSecretField(name, part) ? MARK : redactValue(part, redact, depth + 1)]));
}

function isSecretField(name: string, value: unknown): boolean {
  return SECRET_FIELD.test(name) && typeof value !== 'number' && typeof value !== 'boolean' && value !== null && value !== undefined;
}

function errorFields(error: Error): Record<string, unknown> {
  return {
    name: error.name, ...('code' in error ? { code: error.code } : {}), message: error.message, stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: error.cause }),
  };
}

/** The ways in which a secret can stand inside a longer text. */
function encodingsOf(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const forms = new Set([secret, encodeURIComponent(secret), json, ...[0, 1, 2].flatMap((offset) => base64Forms(secret, offset))]);
  return [...forms].filter((form) => form.length >= MIN_LENGTH).sort((one, other) => other.length - one.length);
}

/** Base64 of a secret that begins `offset` bytes into a group of three, without the characters that depend on its neighbours. */
function base64Forms(secret: string, offset: number): string[] {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret, 'utf8')]);
  const start = [0, 2, 3][offset] ?? 0;
  const whole = bytes.length % 3 === 0 ? bytes.toString('base64').length : Math.floor((bytes.length * 8) / 6);
  return [bytes.toString('base64').slice(start, whole), bytes.toString('base64url').slice(start, whole)];
}
