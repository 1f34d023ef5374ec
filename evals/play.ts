import type { SidecarClient } from '../src/client/index.ts';
import type { Learner } from './learners.ts';

/** One turn as it was seen from outside. */
export interface PlayedTurn {
  message: string;
  /** Whether the message reached the goal of the task; null = nobody can say. */
  expected: boolean | null;
  taskId: string | null;
  reply: string;
  checkpoint: boolean;
  /** The terminal event; only `done` turns are in the history. */
  end: string;
  planned: boolean;
  calls: number;
  tokens: number;
  firstTextMs: number | null;
}

/** A learner's session in a chapter. */
export interface PlayedSession { learner: string; chapter: string; language: 'en' | 'zh'; turns: PlayedTurn[]; completed: string[]; skipped: string[] }

export interface PlayOptions { client: SidecarClient; chapter: string; turns: number; signal?: AbortSignal; now(): number }

/** Lets a learner talk with the tutor for some turns. */
export async function playSession(learner: Learner, { client, chapter, turns, signal, now }: PlayOptions): Promise<PlayedSession> {
  const made = await client.createSession({ chapter_id: chapter }, { signal });
  const sessionId = made.session_id;
  const language = made.chapter.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
  const played: PlayedTurn[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    const { current_subtask_id: taskId, ext } = await client.state(sessionId, { signal });
    const { text, checkpoint } = learner.write({ turn, taskId, taskTitle: ext?.tasks[taskId ?? '']?.title ?? '', language });
    const seen = await send(client, { sessionId, message: text }, { signal, now });
    played.push({ message: text, expected: checkpoint, taskId, ...seen });
  }
  const { subtask_status: states } = await client.state(sessionId, { signal });
  const withStatus = (wanted: string): string[] => Object.keys(states).filter((id) => states[id]?.status === wanted);
  const turnsWithFacts = await addFacts(client, sessionId, played);
  return { learner: learner.name, chapter, language, turns: turnsWithFacts, completed: withStatus('completed'), skipped: withStatus('skipped') };
}

type Seen = Pick<PlayedTurn, 'reply' | 'end' | 'firstTextMs' | 'checkpoint' | 'planned' | 'calls' | 'tokens'>;

async function send(
  client: SidecarClient, { sessionId, message }: { sessionId: string; message: string }, { signal, now }: { signal: AbortSignal | undefined; now(): number },
): Promise<Seen> {
  const startedAt = now();
  const seen: Seen = { reply: '', end: 'error', firstTextMs: null, checkpoint: false, planned: false, calls: 0, tokens: 0 };
  for await (const event of client.send(sessionId, message, { signal })) {
    if (event.type === 'companion_chunk') {
      seen.firstTextMs ??= now() - startedAt;
      seen.reply += event.content;
    }
    if (['done', 'error', 'llm_error', 'cancelled'].includes(event.type)) seen.end = event.type;
  }
  return seen;
}

/** What only the stored turns know: the judgement, and who was called. A failed turn has neither. */
async function addFacts(client: SidecarClient, sessionId: string, played: readonly PlayedTurn[]): Promise<PlayedTurn[]> {
  const [history, usage] = [await client.history(sessionId), await client.usage(sessionId)];
  let index = 0;
  return played.map((turn) => {
    if (turn.end !== 'done') return turn;
    const past = history[index];
    const agents = usage.turns.find(({ turn_index: at }) => at === past?.turn_index)?.agents ?? {};
    index += 1;
    const spent = Object.values(agents);
    return {
      ...turn, checkpoint: past?.turn_outcome.checkpoint_reached ?? false, planned: (agents['RMA']?.calls ?? 0) > 0,
      calls: spent.reduce((sum, agent) => sum + agent.calls, 0), tokens: spent.reduce((sum, agent) => sum + agent.input_tokens + agent.output_tokens, 0),
    };
  });
}
