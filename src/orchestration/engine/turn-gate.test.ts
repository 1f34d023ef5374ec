import { describe, expect, it } from 'vitest';
import { companionReply, speakReply } from '../../../tests/support/provider/index.ts';
import { expectOrder } from '../../../tests/support/turn-order.ts';
import { MODELS, SESSION, openEngineBench } from './engine-bench.test-support.ts';
import type { EngineBench } from './engine-bench.test-support.ts';

const AT = '2026-01-02T03:04:05.000Z';

async function openGatedBench(): Promise<EngineBench> {
  const bench = await openEngineBench();
  const { packet } = bench.row();
  bench.store.sessions.update(SESSION, { packet: { ...packet, lock_until: 'user_uploads_suitable_dataset_or_uses_example' } }, AT);
  return bench;
}

const putFile = (bench: EngineBench, name: string, origin: 'bundle' | 'upload'): void => bench.store.files.put({
  session_id: SESSION, area: 'upload', name, origin, sha256: null, size_bytes: 12, created_at: AT, turn_index: bench.row().state.turn_index,
});

describe('the dataset gate', () => {
  it.each([
    ['nothing new', () => {}, 'I am done.', 'locked'],
    ['a new file of the bundle', (bench: EngineBench) => putFile(bench, 'extra.csv', 'bundle'), 'I am done.', 'locked'],
    ['a new upload of the learner', (bench: EngineBench) => putFile(bench, 'mine.csv', 'upload'), 'I am done.', 'unlocked'],
    ['a message that names a bundled dataset', (bench: EngineBench) => putFile(bench, 'weather_station.csv', 'bundle'), 'I use weather_station.csv', 'unlocked'],
  ] as const)('with %s', async (_title, arrange, message, order) => {
    await using bench = await openGatedBench();
    arrange(bench);
    bench.provider.script(MODELS.CA, companionReply({ judgement: { checkpoint: true } }), ...(order === 'unlocked' ? [speakReply()] : []));

    expectOrder(await bench.turn(message), order);
    expect(bench.store.systemEvents.list(SESSION, 10).map((event) => event.event_type)).toEqual(order === 'locked' ? ['instruction_unlock_blocked'] : []);
    bench.provider.assertClean();
  });

  it('closes again for a file that an earlier turn has seen', async () => {
    await using bench = await openGatedBench();
    putFile(bench, 'mine.csv', 'upload');
    bench.provider.script(MODELS.CA, companionReply(), speakReply(), companionReply({ judgement: { checkpoint: true } }));
    await bench.turn('Here it is.');
    const { packet } = bench.row();
    bench.store.sessions.update(SESSION, { packet: { ...packet, lock_until: 'user_uploads_suitable_dataset_or_uses_example' } }, AT);

    expectOrder(await bench.turn('Done again.'), 'locked');
  });
});
