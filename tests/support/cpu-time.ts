/** Processor time of this thread, in milliseconds: what other programs of the machine do does not count. */
export function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
