// Asks an address without a pause from a process of its own until its stdin ends, then prints {"asked", "failed", "slowestMs"}.
const [, , url] = process.argv;
const facts = { asked: 0, failed: 0, slowestMs: 0 };
let isOver = false;
process.stdin.on('end', () => { isOver = true; }).resume();
process.stdout.write('polling\n');
while (!isOver) {
  const from = performance.now();
  const isFine = await fetch(url).then((response) => response.ok, () => false);
  facts.asked += 1;
  facts.failed += isFine ? 0 : 1;
  facts.slowestMs = Math.max(facts.slowestMs, Math.round(performance.now() - from));
  await new Promise((resolve) => setTimeout(resolve, 20));
}
process.stdout.write(`${JSON.stringify(facts)}\n`);
