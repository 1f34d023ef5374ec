// Asks /health every 20 ms from a process of its own until its stdin ends; prints the times: node health-watch.ts <url> <token>
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from './local-client.ts';

const [, , url = '', token = ''] = process.argv;
const client = createClient({ url, token });
const times: number[] = [];
let isOver = false;
process.stdin.on('end', () => { isOver = true; }).resume();
while (!isOver) {
  times.push((await client.call('GET', '/health')).ms);
  await delay(20);
}
client.close();
process.stdout.write(JSON.stringify(times));
