import { afterAll, beforeAll, expect, it } from 'vitest';
import { TOKEN, openNotebookService } from '../support/notebook-http.ts';
import type { NotebookService } from '../support/notebook-http.ts';

let service: NotebookService;

beforeAll(async () => { service = await openNotebookService(); });
afterAll(async () => { await service[Symbol.asyncDispose](); });

/** The events of a cell as a client that reads all the time sees them. */
async function eventsOf(session: string, cell: object): Promise<{ type: string; [field: string]: any }[]> {
  const response = await fetch(`${service.url}/api/session/${session}/notebook/cell/stream`, {
    method: 'POST', headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }, body: JSON.stringify(cell),
  });
  const text = await response.text();
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!));
}

it.each([
  ['two displays of 600 kB', 'from IPython.display import HTML, display\nfor _ in range(2): display(HTML("x" * 600_000))', ['display_data', 'display_data']],
  ['a display of 1.5 MB and a line', 'from IPython.display import HTML, display\ndisplay(HTML("x" * 1_500_000))\nprint(1)', ['display_data', 'stream']],
])('tells a reader %s that come at once, and the end', async (_title, code, types) => {
  const events = await eventsOf(await service.newSession(), { code });

  expect(events.map(({ type, output }) => output?.output_type ?? type)).toEqual(['cell_start', ...types, 'cell_complete']);
});
