import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BPF, BpfAssembler, encodeBpf, type BpfInstruction } from './bpf.ts';
import { buildSeccompFilter, METADATA_CALLS, REFUSED_CALLS } from './seccomp-filter.ts';

const X64 = 0xc000_003e;
const ALLOW = 0x7fff_0000;
const EPERM = 0x0005_0001;
const ENOSYS = 0x0005_0026;
const KILL = 0x8000_0000;
const user = buildSeccompFilter({ forbidFork: false, forbidUnixSockets: false });
const expert = buildSeccompFilter({ forbidFork: true, forbidUnixSockets: false });
const strict = buildSeccompFilter({ forbidFork: false, forbidUnixSockets: true });
const expertWithoutMounts = buildSeccompFilter({ forbidFork: true, forbidUnixSockets: true, forbidMetadata: true });

interface Call { number: number; architecture?: number; arguments?: [number, number] }

/** Runs a filter as the kernel would on one call. */
function simulate(program: readonly BpfInstruction[], call: Call): number {
  const memory = new Map([[0, call.number], [4, call.architecture ?? X64], [16, call.arguments?.[0] ?? 0], [24, call.arguments?.[1] ?? 0]]);
  let accumulator = 0;
  let position = 0;
  for (let steps = 0; steps <= program.length; steps += 1) {
    const { code, jt, jf, k } = program[position]!;
    position += 1;
    if (code === BPF.RETURN) return k >>> 0;
    if (code === BPF.LOAD_WORD) accumulator = (memory.get(k) ?? 0) >>> 0;
    else if (code === BPF.JUMP_EQUAL) position += accumulator === k >>> 0 ? jt : jf;
    else if (code === BPF.JUMP_GREATER_EQUAL) position += accumulator >= k >>> 0 ? jt : jf;
    else if (code === BPF.JUMP_SET) position += (accumulator & k) === 0 ? jf : jt;
    else throw new Error(`unknown instruction ${code}`);
  }
  throw new Error('the filter does not end');
}

describe('seccomp filter', () => {
  it.each<[string, [BpfInstruction[], Call], number]>([
    ['allows read', [user, { number: 0 }], ALLOW],
    ['kills a 32-bit call', [user, { number: 11, architecture: 0x4000_0003 }], KILL],
    ['refuses an x32 call', [user, { number: 0x4000_0000 + 1 }], EPERM],
    ['says that clone3 is missing', [user, { number: 435 }], ENOSYS],
    ['allows fork by clone', [user, { number: 56, arguments: [17, 0] }], ALLOW],
    ['refuses a new user namespace', [user, { number: 56, arguments: [0x1000_0000, 0] }], EPERM],
    ['refuses a new network namespace', [user, { number: 56, arguments: [0x4000_0000, 0] }], EPERM],
    ['refuses a new time namespace', [user, { number: 56, arguments: [0x80, 0] }], EPERM],
    ['allows a Unix socket', [user, { number: 41, arguments: [1, 0] }], ALLOW],
    ['refuses an IPv4 socket', [user, { number: 41, arguments: [2, 0] }], EPERM],
    ['refuses a netlink socket', [user, { number: 41, arguments: [16, 0] }], EPERM],
    ['refuses a Unix socket where there is no network namespace', [strict, { number: 41, arguments: [1, 0] }], EPERM],
    ['allows a socket pair everywhere', [strict, { number: 53, arguments: [1, 0] }], ALLOW],
    ['refuses TIOCSTI', [user, { number: 16, arguments: [0, 0x5412] }], EPERM],
    ['refuses TIOCLINUX', [user, { number: 16, arguments: [0, 0x541c] }], EPERM],
    ['allows other terminal calls', [user, { number: 16, arguments: [0, 0x5401] }], ALLOW],
    ['allows fork to learners', [user, { number: 57 }], ALLOW],
    ['refuses fork to experts', [expert, { number: 57 }], EPERM],
    ['refuses vfork to experts', [expert, { number: 58 }], EPERM],
    ['refuses a process by clone to experts', [expert, { number: 56, arguments: [17, 0] }], EPERM],
    ['allows a thread to experts', [expert, { number: 56, arguments: [0x003d_0f00, 0] }], ALLOW],
  ])('%s', (_title, [program, call], verdict) => {
    expect(simulate(program, call)).toBe(verdict);
  });

  it.each(Object.entries(REFUSED_CALLS))('refuses %s in every lane', (_name, number) => {
    expect([user, expert, strict].map((program) => simulate(program, { number }))).toEqual([EPERM, EPERM, EPERM]);
  });

  it.each(Object.entries(METADATA_CALLS))('refuses %s to experts where files have no mounts, and to nobody else', (_name, number) => {
    expect([user, expert, strict, expertWithoutMounts].map((program) => simulate(program, { number }))).toEqual([ALLOW, ALLOW, ALLOW, EPERM]);
  });

  it('answers every call and never jumps out of the program', () => {
    const word = fc.nat(0xffff_ffff);
    fc.assert(fc.property(fc.constantFrom(user, expert, strict, expertWithoutMounts), word, fc.tuple(word, word), (program, number, pair) => {
      expect([ALLOW, EPERM, ENOSYS, KILL]).toContain(simulate(program, { number, arguments: pair }));
    }));
  });

  it('writes eight bytes per instruction as the kernel reads them', () => {
    const bytes = encodeBpf(new BpfAssembler().load(4).whenEqual(X64, null, 'end').ret(ALLOW).label('end').ret(KILL).assemble());

    expect(bytes.toString('hex')).toBe('2000000004000000150000013e0000c0060000000000ff7f0600000000000080');
  });

  it('refuses a jump that BPF cannot make', () => {
    expect(() => new BpfAssembler().label('before').whenEqual(1, 'before').assemble()).toThrow('jump to before');
  });
});
