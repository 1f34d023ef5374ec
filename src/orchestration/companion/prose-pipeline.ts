import type { Language, NoticeCode } from '../../contracts/index.ts';
import { createChunker } from './chunker.ts';
import { createMarkupFilter } from './markup-filter.ts';
import { createSecretFilter } from './secret-filter.ts';
import { createSolutionGuard, type SolutionPolicy } from './solution-guard.ts';

/** What leaves the pipeline: text for one `companion_chunk`, or a notice. */
export type ProseEvent = { type: 'chunk'; content: string } | { type: 'note'; code: NoticeCode };

export interface ProsePipelineOptions {
  language: Language;
  /** Values known to the process that must never be shown. */
  secrets: readonly string[];
  solutions: SolutionPolicy;
}

/** Guards and paces the prose of one reply. What it emits is exactly what is stored. */
export interface ProsePipeline {
  push(text: string, nowMs: number): ProseEvent[];
  /** Releases what is due; call it at `dueAt`. */
  tick(nowMs: number): ProseEvent[];
  /** Everything that is left. Later calls return nothing. */
  end(nowMs: number): ProseEvent[];
  readonly dueAt: number | null;
  /** The reply so far: all chunks, joined. */
  readonly text: string;
  /** True while nothing visible has left. */
  readonly isBlank: boolean;
}

/** Creates the pipeline of one reply: secrets, markup, solutions, then pacing. */
export function createProsePipeline({ language, secrets, solutions }: ProsePipelineOptions): ProsePipeline {
  const guard = createSolutionGuard(solutions, language);
  const stages = [createSecretFilter(secrets, language), createMarkupFilter(), guard];
  const chunker = createChunker();
  let text = '';
  let isNoted = false;
  let hasEnded = false;

  const emit = (chunks: readonly string[]): ProseEvent[] => {
    const events: ProseEvent[] = [];
    for (const chunk of chunks) {
      const content = chunk.toWellFormed();
      text += content;
      events.push({ type: 'chunk', content });
    }
    if (guard.hasWithheld && !isNoted) {
      isNoted = true;
      events.push({ type: 'note', code: 'solution_withheld' });
    }
    return events;
  };

  return {
    push(prose, nowMs) {
      if (hasEnded) return [];
      // A NUL ends a text in places that we do not control.
      const passed = stages.reduce((piece, stage) => stage.push(piece, nowMs), prose.replaceAll('\u0000', ''));
      return emit(chunker.push(passed, nowMs));
    },
    tick(nowMs) {
      if (hasEnded) return [];
      const passed = stages.reduce((piece, stage) => stage.tick(nowMs) + stage.push(piece, nowMs), '');
      return emit([...chunker.push(passed, nowMs)]);
    },
    end(nowMs) {
      if (hasEnded) return [];
      hasEnded = true;
      const passed = stages.reduce((piece, stage) => stage.push(piece, nowMs) + stage.end(nowMs), '');
      return emit([...chunker.push(passed, nowMs), ...chunker.flush(nowMs)]);
    },
    get dueAt() {
      if (hasEnded) return null;
      const times = [...stages.map((stage) => stage.dueAt), chunker.dueAt].filter((time) => time !== null);
      return times.length === 0 ? null : Math.min(...times);
    },
    get text() {
      return text;
    },
    get isBlank() {
      return text.trim() === '';
    },
  };
}
