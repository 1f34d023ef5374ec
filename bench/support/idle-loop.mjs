// An idle event loop: prints its longest stall in ms when its stdin ends. What it sees is the machine, not the program that is measured.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const loop = monitorEventLoopDelay({ resolution: 20 });
loop.enable();
process.stdin.on('end', () => process.stdout.write(String(loop.max / 1e6), () => process.exit())).resume();
