import type { Language } from '../../../contracts/index.ts';

const GIB = 1024 ** 3;
/** Shares of the limit: from the one on it is told, below the other one it may be told again. */
const TOLD_FROM = 0.8;
const FORGOTTEN_BELOW = 0.7;

const TEXTS = {
  en: (used: string, limit: string) => `The kernel uses ${used} of its ${limit} GB of memory; beyond that it is ended. Delete what is no longer needed, or restart it.`,
  zh: (used: string, limit: string) => `内核已使用 ${used} GB 内存，上限为 ${limit} GB，超出后会被结束。请删除不再需要的变量，或重启内核。`,
} as const;

/** Says once that a kernel comes near its memory limit, and again when it has been well below in between. */
export class MemoryNotice {
  readonly #language: Language;
  #text: string | null = null;

  constructor(language: Language) {
    this.#language = language;
  }

  /** The sentence while it holds. */
  get text(): string | null {
    return this.#text;
  }

  /** Takes a new figure; answers with the sentence when it is news. */
  note(usedBytes: number | null, limitBytes: number | null): string | null {
    if (usedBytes === null || limitBytes === null) return null;
    const share = usedBytes / limitBytes;
    if (share < FORGOTTEN_BELOW) this.#text = null;
    if (share < TOLD_FROM) return null;
    const isNews = this.#text === null;
    this.#text = TEXTS[this.#language]((usedBytes / GIB).toFixed(1), (limitBytes / GIB).toFixed(1));
    return isNews ? this.#text : null;
  }

  /** The process is another one. */
  clear(): void {
    this.#text = null;
  }
}
