// Reading server-sent events from a fetch body. No DOM here, so that tests can run it anywhere.

/** Feeds on pieces of text and hands out frames `{id, data}`. Comments and unknown fields are skipped, any line end is accepted. */
export function createSseParser(onFrame) {
  let rest = '';
  let frame = { id: undefined, data: [] };
  const endFrame = () => {
    if (frame.data.length > 0) onFrame({ id: frame.id, data: frame.data.join('\n') });
    frame = { id: undefined, data: [] };
  };
  const readLine = (line) => {
    if (line === '') {
      endFrame();
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') frame.data.push(value);
    else if (field === 'id' && !value.includes('\0')) frame.id = value;
  };
  return (text) => {
    rest += text;
    let start = 0;
    for (let at = 0; at < rest.length; at += 1) {
      const character = rest[at];
      if (character !== '\n' && character !== '\r') continue;
      // A return at the end of a piece may be the first half of CR LF.
      if (character === '\r' && at === rest.length - 1) break;
      readLine(rest.slice(start, at));
      if (character === '\r' && rest[at + 1] === '\n') at += 1;
      start = at + 1;
    }
    rest = rest.slice(start);
  };
}

/** Reads a body to its end and hands out `{id, event}`; data that is no JSON object is skipped. */
export async function readEvents(body, onEvent) {
  const parse = createSseParser(({ id, data }) => {
    const event = parseObject(data);
    if (event !== null) onEvent({ id, event });
  });
  const reader = body.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parse(decoder.decode(value, { stream: true }));
  }
}

function parseObject(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null && typeof value.type === 'string' ? value : null;
  } catch {
    return null; // Not ours to judge: a client skips what it cannot read.
  }
}

const KEPT_IDS = 10_000;

/** Lets every frame through once, whichever stream brings it first. Ids are opaque, so it remembers them instead of comparing. */
export function createFrameGate() {
  const seen = new Set();
  let lastId;
  return {
    /** The id to resume after. */
    get lastId() { return lastId; },
    admit(id, type) {
      if (id === undefined) return true;
      if (seen.has(id) && type !== 'stream_reset') return false;
      seen.add(id);
      lastId = id;
      if (seen.size > KEPT_IDS) seen.delete(seen.values().next().value);
      return true;
    },
  };
}
