import { expect, it } from 'vitest';
import type { ModelMessage } from '../port.ts';
import { arrangeMessages } from './arrange-messages.ts';

const CALL = { id: 'c1', name: 'finish', input: '{}' };

it.each<[string, ModelMessage[], ReturnType<typeof arrangeMessages>]>([
  [
    'joins leading system messages and neighbours of one role',
    [{ role: 'system', content: 'a' }, { role: 'system', content: 'b' }, { role: 'user', content: '1' }, { role: 'user', content: '2' }],
    { system: 'a\n\nb', turns: [{ role: 'user', content: '1\n\n2' }] },
  ],
  [
    'turns a later system message into user text, so that the prefix stays the same',
    [{ role: 'system', content: 'a' }, { role: 'user', content: '1' }, { role: 'system', content: 'mode' }],
    { system: 'a', turns: [{ role: 'user', content: '1\n\nmode' }] },
  ],
  [
    'starts and ends with the user',
    [{ role: 'assistant', content: 'hello' }],
    { system: '', turns: [{ role: 'user', content: '(The conversation goes on.)' }, { role: 'assistant', content: 'hello', toolCalls: [] }, { role: 'user', content: '(The conversation goes on.)' }] },
  ],
  [
    'drops blank messages and joins what they kept apart',
    [{ role: 'user', content: '1' }, { role: 'assistant', content: ' ' }, { role: 'user', content: '2' }],
    { system: '', turns: [{ role: 'user', content: '1\n\n2' }] },
  ],
  [
    'gathers tool results behind their calls',
    [
      { role: 'user', content: '1' }, { role: 'assistant', content: '', toolCalls: [CALL, { ...CALL, id: 'c2' }] },
      { role: 'tool', toolCallId: 'c1', name: 'finish', content: 'x' }, { role: 'tool', toolCallId: 'c2', name: 'finish', content: 'y' },
    ],
    {
      system: '', turns: [
        { role: 'user', content: '1' }, { role: 'assistant', content: '', toolCalls: [CALL, { ...CALL, id: 'c2' }] },
        { role: 'tool', results: [{ toolCallId: 'c1', name: 'finish', content: 'x' }, { toolCallId: 'c2', name: 'finish', content: 'y' }] },
      ],
    },
  ],
  ['leaves no half character', [{ role: 'user', content: 'a\ud83d' }], { system: '', turns: [{ role: 'user', content: 'a\ufffd' }] }],
])('%s', (_title, messages, expected) => {
  expect(arrangeMessages(messages)).toEqual(expected);
});
