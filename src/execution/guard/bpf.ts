/** One instruction of classic BPF. */
export interface BpfInstruction { code: number; jt: number; jf: number; k: number }

/** Opcodes that the filters use. */
export const BPF = { LOAD_WORD: 0x20, JUMP: 0x05, JUMP_EQUAL: 0x15, JUMP_GREATER_EQUAL: 0x35, JUMP_SET: 0x45, RETURN: 0x06 } as const;

/** A step with a label to jump to; null falls through to the next step. */
type Step =
  | { kind: 'load'; offset: number }
  | { kind: 'test'; code: number; value: number; yes: string | null; no: string | null }
  | { kind: 'return'; value: number }
  | { kind: 'label'; name: string };

/** Collects steps with named targets and resolves them into jumps; jumps only go forward, as BPF demands. */
export class BpfAssembler {
  readonly #steps: Step[] = [];

  load(offset: number): this { return this.#add({ kind: 'load', offset }); }
  label(name: string): this { return this.#add({ kind: 'label', name }); }
  ret(value: number): this { return this.#add({ kind: 'return', value }); }

  /** Jumps when the accumulator equals the value. */
  whenEqual(value: number, yes: string | null, no: string | null = null): this {
    return this.#add({ kind: 'test', code: BPF.JUMP_EQUAL, value, yes, no });
  }

  whenAtLeast(value: number, yes: string | null, no: string | null = null): this {
    return this.#add({ kind: 'test', code: BPF.JUMP_GREATER_EQUAL, value, yes, no });
  }

  /** Jumps when any of the bits is set. */
  whenAnySet(bits: number, yes: string | null, no: string | null = null): this {
    return this.#add({ kind: 'test', code: BPF.JUMP_SET, value: bits, yes, no });
  }

  assemble(): BpfInstruction[] {
    const targets = this.#targets();
    const instructions: BpfInstruction[] = [];
    for (const step of this.#steps) {
      if (step.kind === 'label') continue;
      instructions.push(encode(step, (name) => distance(name, targets, instructions.length)));
    }
    return instructions;
  }

  #add(step: Step): this {
    this.#steps.push(step);
    return this;
  }

  #targets(): Map<string, number> {
    const targets = new Map<string, number>();
    let position = 0;
    for (const step of this.#steps) {
      if (step.kind === 'label') targets.set(step.name, position);
      else position += 1;
    }
    return targets;
  }
}

/** The bytes that bwrap and the kernel read: `struct sock_filter[]`, little-endian. */
export function encodeBpf(instructions: readonly BpfInstruction[]): Buffer {
  const bytes = Buffer.alloc(instructions.length * 8);
  for (const [index, { code, jt, jf, k }] of instructions.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(jt, index * 8 + 2);
    bytes.writeUInt8(jf, index * 8 + 3);
    bytes.writeUInt32LE(k >>> 0, index * 8 + 4);
  }
  return bytes;
}

function encode(step: Exclude<Step, { kind: 'label' }>, jump: (name: string | null) => number): BpfInstruction {
  if (step.kind === 'load') return { code: BPF.LOAD_WORD, jt: 0, jf: 0, k: step.offset };
  if (step.kind === 'return') return { code: BPF.RETURN, jt: 0, jf: 0, k: step.value };
  return { code: step.code, jt: jump(step.yes), jf: jump(step.no), k: step.value };
}

function distance(name: string | null, targets: ReadonlyMap<string, number>, from: number): number {
  if (name === null) return 0;
  const target = targets.get(name);
  const steps = (target ?? -1) - from - 1;
  if (steps < 0 || steps > 255) throw new Error(`jump to ${name} is not possible`);
  return steps;
}
