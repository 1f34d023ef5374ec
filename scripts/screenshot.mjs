// Takes the picture of the workbench that the README shows: starts the built program, walks through a short session in a real Chromium
// and saves what the page looks like.
//
//   node scripts/node26.mjs scripts/screenshot.mjs [--out FILE] [--dark] [--tab report|files|code|notebook|usage|diagnostics]
//
// Chromium: the variable CHROMIUM, else /usr/bin/chromium. The browser is spoken to over its own debugging pipe, so no package is needed.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const root = join(import.meta.dirname, '..');
const PROGRAM = join(root, 'dist', 'sidecar', 'main.mjs');
const WIDTH = 1440;
const HEIGHT = 900;
const WAIT_MS = 30_000;
const POLL_MS = 100;
const MESSAGES = ['How do I load the table?', 'I ran this:\n```python\nweather = pd.read_csv("weather_station.csv")\nprint(weather.shape)\n```\nand it printed (122, 6)'];

const PROGRAM_TEXT = `import pandas as pd
import matplotlib.pyplot as plt

weather = pd.read_csv("weather_station.csv")
print(weather.shape)
weather.plot(x="date", y=["temp_min", "temp_max"])
plt.show()
`;

const { values: options } = parseArgs({
  options: { out: { type: 'string', default: join(root, 'docs', 'images', 'workbench.png') }, dark: { type: 'boolean', default: false }, tab: { type: 'string', default: 'report' } },
});

/** Starts the program and waits for its ready line. */
async function startSidecar(folder) {
  const child = spawn(process.execPath, [PROGRAM, 'serve', '--workbench', '--port', '0', '--sessions-dir', join(folder, 'sessions'), '--exit-with-parent'], {
    cwd: root, stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: process.env.PATH ?? '', HOME: folder, SIDECAR_LOG_LEVEL: 'error' },
  });
  const ready = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line)));
    child.once('exit', (code) => reject(new Error(`the program ended with ${code} before it was ready`)));
    child.once('error', reject);
  });
  return { child, address: `${ready.url}/#token=${ready.token}` };
}

/** Starts Chromium and attaches to its first page. Messages are JSON, each ended by a NUL byte, on descriptors 3 and 4. */
async function startBrowser(folder) {
  const binary = process.env.CHROMIUM ?? '/usr/bin/chromium';
  if (!existsSync(binary)) throw new Error(`there is no Chromium at ${binary}; set CHROMIUM`);
  const child = spawn(binary, [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', `--user-data-dir=${join(folder, 'browser')}`, `--window-size=${WIDTH},${HEIGHT}`,
    '--remote-debugging-pipe', 'about:blank',
  ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  const waiting = new Map();
  let rest = '';
  child.stdio[4].setEncoding('utf8').on('data', (text) => {
    const messages = (rest + text).split('\0');
    rest = messages.pop();
    for (const message of messages.map((part) => JSON.parse(part))) {
      const call = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.error === undefined) call?.resolve(message.result);
      else call?.reject(new Error(message.error.message));
    }
  });
  let lastId = 0;
  let sessionId;
  const call = (method, params = {}) => new Promise((resolve, reject) => {
    lastId += 1;
    waiting.set(lastId, { resolve, reject });
    child.stdio[3].write(`${JSON.stringify({ id: lastId, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`);
  });
  const { targetInfos } = await call('Target.getTargets');
  ({ sessionId } = await call('Target.attachToTarget', { targetId: targetInfos.find(({ type }) => type === 'page').targetId, flatten: true }));
  return { child, call };
}

/** Evaluates in the page, and waits until an expression there is true. */
function pageOf({ call }) {
  const evaluate = async (expression) => {
    const { result, exceptionDetails } = await call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  const until = async (expression) => {
    for (const end = Date.now() + WAIT_MS; Date.now() < end;) {
      if (await evaluate(`Boolean(${expression})`)) return;
      await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
    }
    throw new Error(`never true in the page: ${expression}`);
  };
  return { evaluate, until };
}

/** Runs the sample program; without a Python runtime the picture shows what the page says then. */
async function runCode({ evaluate, until }) {
  await evaluate(`(() => { document.querySelector('#panel-code textarea.code-field').value = ${JSON.stringify(PROGRAM_TEXT)};
    document.querySelector('#panel-code button.primary').click(); })()`);
  await until(`document.querySelector('#panel-code .callout') || [...document.querySelectorAll('#panel-code .figure')].some((image) => image.naturalWidth > 0)`);
}

/** A short session: the greeting, a question, and an attempt that works. */
async function walkThrough({ evaluate, until }) {
  const turns = (count) => until(`document.querySelectorAll('.turn').length === ${count} && document.querySelector('.message.live') === null && !document.querySelector('#send').hidden`);
  await until(`document.querySelector('#start-session')?.disabled === false`);
  await evaluate(`document.querySelector('#start-session').click()`);
  await turns(1);
  for (const [index, message] of MESSAGES.entries()) {
    await evaluate(`(() => { const field = document.querySelector('#composer-text'); field.value = ${JSON.stringify(message)};
      field.dispatchEvent(new Event('input')); document.querySelector('#send').click(); })()`);
    await turns(index + 2);
  }
  await evaluate(`document.querySelector('#tab-${options.tab}').click(); document.activeElement.blur()`);
  if (options.tab === 'code') await runCode({ evaluate, until });
  await until(`!document.querySelector('#panel-report').textContent.includes('appears after')`);
  await new Promise((resolve) => { setTimeout(resolve, 5 * POLL_MS); });
}

const folder = mkdtempSync(join(tmpdir(), 'sidecar-screenshot-'));
const children = [];
try {
  const sidecar = await startSidecar(folder);
  children.push(sidecar.child);
  const browser = await startBrowser(folder);
  children.push(browser.child);
  await browser.call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: options.dark ? 'dark' : 'light' }] });
  await browser.call('Emulation.setDeviceMetricsOverride', { width: WIDTH, height: HEIGHT, deviceScaleFactor: 1, mobile: false });
  await browser.call('Page.navigate', { url: sidecar.address });
  await walkThrough(pageOf(browser));
  const { data } = await browser.call('Page.captureScreenshot', { format: 'png' });
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(options.out, Buffer.from(data, 'base64'));
  console.log(`${options.out}: ${Math.round(data.length * 0.75 / 1024)} KB`);
} finally {
  const gone = children.map((child) => new Promise((resolve) => { if (child.exitCode === null) child.once('exit', resolve); else resolve(); }));
  for (const child of children) child.kill('SIGTERM');
  await Promise.all(gone);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
