import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseNotebook, parseNotebookBytes, serializeNotebook } from './notebook-document.ts';

const four = (cells: unknown[], extra: object = {}): object => ({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells, ...extra });
const code = (change: object = {}): object => ({ id: 'a', cell_type: 'code', source: '1', metadata: {}, outputs: [], execution_count: null, ...change });
const textOf = (value: unknown): string => new TextDecoder().decode(serializeNotebook(parseNotebook(value).notebook));

describe('reading (K38)', () => {
  it.each([
    ['4.0, without ids', { nbformat: 4, nbformat_minor: 0, metadata: {}, cells: [{ cell_type: 'markdown', source: ['# a\n', 'b'], metadata: {} }] }, '# a\nb'],
    ['4.4, without ids', { nbformat: 4, nbformat_minor: 4, metadata: {}, cells: [{ cell_type: 'raw', source: 'raw', metadata: {} }] }, 'raw'],
    ['4.5', four([code()]), '1'],
  ])('takes %s and gives 4.5 with ids', (_title, value, source) => {
    const { notebook, warnings } = parseNotebook(value);

    expect(notebook).toMatchObject({ nbformat: 4, nbformat_minor: 5, cells: [{ id: expect.stringMatching(/^[A-Za-z0-9_-]{1,64}$/), source }] });
    expect(warnings).toEqual([]);
  });

  it('upgrades 3: worksheets, inputs, prompts, headings, outputs and their short names', () => {
    const { notebook } = parseNotebook({
      nbformat: 3, nbformat_minor: 0, metadata: { name: 'old', kept: 1 }, worksheets: [{
        cells: [
          { cell_type: 'heading', level: 2, source: 'Title', metadata: {} },
          {
            cell_type: 'code', input: ['1 +', ' 1'], prompt_number: 3, language: 'python', collapsed: false, metadata: {}, outputs: [
              { output_type: 'stream', stream: 'stderr', text: ['x\n'] }, { output_type: 'pyout', prompt_number: 3, text: '2', png: 'AA\nBB', json: '{"a": 1}', metadata: {} },
              { output_type: 'pyerr', ename: 'E', evalue: 'v', traceback: ['t'] },
            ],
          },
        ],
      }],
    });

    expect(notebook.metadata).toEqual({ kept: 1 });
    expect(notebook.cells).toMatchObject([
      { cell_type: 'markdown', source: '## Title' },
      {
        cell_type: 'code', source: '1 + 1', execution_count: 3, outputs: [
          { output_type: 'stream', name: 'stderr', text: 'x\n' },
          { output_type: 'execute_result', execution_count: 3, data: { 'text/plain': '2', 'image/png': 'AA\nBB', 'application/json': { a: 1 } } },
          { output_type: 'error', ename: 'E', evalue: 'v', traceback: ['t'] },
        ],
      },
    ]);
  });

  it('renames twin and impossible ids, and says so (E74)', () => {
    const { notebook, warnings } = parseNotebook(four([code({ id: 'a' }), code({ id: 'a' }), code({ id: 'no spaces' })]));

    expect(new Set(notebook.cells.map(({ id }) => id)).size).toBe(3);
    expect([notebook.cells[0]?.id, warnings.length]).toEqual(['a', 2]);
  });

  it('gives the same new ids for the same notebook', () => {
    const value = { nbformat: 4, nbformat_minor: 0, metadata: {}, cells: [{ cell_type: 'raw', source: 'x', metadata: {} }] };

    expect(parseNotebook(value)).toEqual(parseNotebook(value));
  });

  it.each([
    ['no object', [], '$'], ['an unknown version', { nbformat: 5, metadata: {}, cells: [] }, '$.nbformat'], ['no cells', { nbformat: 4, metadata: {} }, '$.cells'],
    ['a cell that is a text', four(['x']), '$.cells[0]'], ['an unknown cell type', four([{ cell_type: 'sql' }]), '$.cells[0].cell_type'],
    ['a source that is a number', four([code({ source: 5 })]), '$.cells[0].source'], ['outputs that are no list', four([code({ outputs: {} })]), '$.cells[0].outputs'],
    ['an unknown output', four([code({ outputs: [{ output_type: 'x' }] })]), '$.cells[0].outputs[0].output_type'],
    ['a negative counter', four([code({ execution_count: -1 })]), '$.cells[0].execution_count'],
    ['half a character', four([code({ source: 'a\ud800' })]), '$.cells[0].source'],
    ['a key that reaches a prototype', JSON.parse('{"nbformat":4,"metadata":{"__proto__":{"x":1}},"cells":[]}'), '$.metadata'],
  ])('refuses %s and names the place', (_title, value, place) => {
    expect(() => parseNotebook(value)).toThrow(expect.objectContaining({ code: 'NOTEBOOK_INVALID', message: expect.stringContaining(`${place}: `) }));
  });

  it.each([['no JSON', 'x{'], ['no UTF-8', Buffer.from([0xff, 0xfe])]])('refuses bytes that are %s', (_title, bytes) => {
    expect(() => parseNotebookBytes(Buffer.from(bytes))).toThrow(expect.objectContaining({ code: 'NOTEBOOK_INVALID' }));
  });
});

describe('writing (K38)', () => {
  it('has indent 1, sorted keys, lists of lines, whole base64, JSON as objects, and a final newline', () => {
    const outputs = [
      { output_type: 'stream', name: 'stdout', text: 'a\nb\n' },
      { output_type: 'display_data', metadata: {}, data: { 'image/png': 'AA\nBB\n', 'text/html': '<b>\nx', 'application/json': { z: 1, a: [1] } } },
    ];

    expect(textOf(four([code({ source: 'x\ny', outputs })], { metadata: { z: 1, a: 2 } }))).toBe(`{
 "cells": [
  {
   "cell_type": "code",
   "execution_count": null,
   "id": "a",
   "metadata": {},
   "outputs": [
    {
     "name": "stdout",
     "output_type": "stream",
     "text": [
      "a\\n",
      "b\\n"
     ]
    },
    {
     "data": {
      "application/json": {
       "a": [
        1
       ],
       "z": 1
      },
      "image/png": "AABB",
      "text/html": [
       "<b>\\n",
       "x"
      ]
     },
     "metadata": {},
     "output_type": "display_data"
    }
   ],
   "source": [
    "x\\n",
    "y"
   ]
  }
 ],
 "metadata": {
  "a": 2,
  "z": 1
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
`);
  });

  it('reads back what it wrote, with all metadata, and writes it the same again', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((value) => value.isWellFormed());
    const cell = fc.oneof(
      fc.record({ cell_type: fc.constantFrom('markdown', 'raw'), source: text, metadata: fc.dictionary(text.filter((key) => key !== '__proto__'), fc.integer(), { maxKeys: 3 }) }),
      fc.record({
        cell_type: fc.constant('code'), source: text, metadata: fc.constant({ tags: ['x'] }), execution_count: fc.option(fc.nat()),
        outputs: fc.array(fc.oneof(
          fc.record({ output_type: fc.constant('stream'), name: fc.constant('stdout'), text }),
          fc.record({ output_type: fc.constant('display_data'), metadata: fc.constant({}), data: fc.record({ 'text/plain': text }) }),
        ), { maxLength: 3 }),
      }),
    );
    fc.assert(fc.property(fc.array(cell, { maxLength: 5 }), (cells) => {
      const first = parseNotebook(four(cells)).notebook;
      const bytes = serializeNotebook(first);
      const second = parseNotebookBytes(bytes);

      expect([second.notebook, second.warnings, Buffer.from(serializeNotebook(second.notebook))]).toEqual([first, [], Buffer.from(bytes)]);
    }));
  });
});
