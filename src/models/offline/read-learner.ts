import type { OfflineHints } from '../port.ts';
import { matchesTarget } from './match-target.ts';
import { readWords } from './wordings.ts';

/** The five routing fields as they stand behind `@@judgement`. */
export interface OfflineJudgement {
  checkpoint: boolean;
  blocker: 'none' | 'core_concept' | 'core_implementation';
  sentiment: 'engaged' | 'confused' | 'frustrated' | 'fatigued';
  consult: '' | 'user_uploaded_new_data_file' | 'user_requested_data_analysis';
  skip: string;
}

/** Judges a learner's message by its words, the newest run and new uploads. */
export function readLearner(hints: OfflineHints): OfflineJudgement {
  const words = readWords(hints.message, hints.facts['awaiting_skip_reason'] === true);
  const hasFailed = words.hasErrorText || hints.lastRun?.ok === false;
  const checkpoint = words.skip === '' && hasReachedTarget(hints, words.isQuestion && !words.hasErrorText);
  const blocker = checkpoint || words.skip !== '' ? 'none' : hasFailed ? 'core_implementation' : words.isQuestion ? 'core_concept' : 'none';
  return {
    checkpoint,
    blocker,
    sentiment: words.isFrustrated ? 'frustrated' : words.isTired ? 'fatigued' : blocker === 'core_concept' ? 'confused' : 'engaged',
    consult: hints.newUploads.length > 0 ? 'user_uploaded_new_data_file' : words.wantsAnalysis ? 'user_requested_data_analysis' : '',
    skip: words.skip,
  };
}

// A run that printed something without an error counts whatever was written beside it; pasted output counts unless it is a question.
function hasReachedTarget(hints: OfflineHints, isQuestion: boolean): boolean {
  if (hints.task === null) return false;
  const { lastRun } = hints;
  if (lastRun !== null && lastRun.ok && lastRun.stdout.trim() !== '' && !/Traceback/.test(lastRun.stderr)) return true;
  return !isQuestion && hints.targets.some((target) => matchesTarget(hints.message, target));
}

/** The words that prove a checkpoint: the first line a run printed, else the learner's line that meets a target, else their first. */
export function quoteOf(hints: OfflineHints): string {
  const hasRun = hints.lastRun?.ok === true && hints.lastRun.stdout.trim() !== '';
  const source = hasRun ? hints.lastRun?.stdout ?? '' : hints.message;
  const lines = source.split('\n').map((text) => text.trim()).filter((text) => text !== '');
  const meeting = hasRun ? undefined : lines.find((text) => hints.targets.some((target) => matchesTarget(text, target)));
  const line = meeting ?? lines[0] ?? '';
  return [...line].slice(0, 200).join('');
}
