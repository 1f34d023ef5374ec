// Polls /health from a process of its own until its stdin ends, then prints the latencies in ms as JSON.
import { get } from 'node:http';
import { Agent } from 'node:http';

const [url] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const latencies = [];
let isRunning = true;
process.stdin.on('end', () => { isRunning = false; }).resume();

const ask = () => new Promise((resolve, reject) => {
  const started = performance.now();
  get(`${url}/health`, { agent }, (response) => response.resume().on('end', () => resolve(performance.now() - started))).on('error', reject);
});
process.stdout.write('ready\n');
while (isRunning) {
  latencies.push(await ask());
  await new Promise((resolve) => { setTimeout(resolve, 2); });
}
process.stdout.write(JSON.stringify(latencies), () => process.exit());
