import type { Language } from '../../../contracts/index.ts';
import { clipMiddle } from '../../worker/index.ts';
import type { JsonObject, JupyterMessage } from '../connection/jupyter-message.ts';
import type { DroppedOutput } from '../connection/kernel-connection.ts';
import { OUTPUT_CAPS } from './output-types.ts';
import type { CellChange, CellOutput, ErrorOutput, RichOutput } from './output-types.ts';
import { TextBudget } from './text-budget.ts';
import { applyTerminal, withoutColour } from './terminal-text.ts';

/** As long as what a run says of its error; a frame shows code besides. */
const ERROR_CHARS = 2_000;
const FRAME_CHARS = 8_000;
const FRAMES = 100;

interface NotKept { characters(count: number): string; displays(count: number, bytes: number): string; whole(parts: readonly string[]): string }

const NOT_KEPT: Readonly<Record<Language, NotKept>> = {
  en: {
    characters: (count) => `${count} characters`, displays: (count, bytes) => `${count} displays (${bytes} bytes)`,
    whole: (parts) => `${parts.join(' and ')} were not kept.`,
  },
  zh: {
    characters: (count) => `${count} 个字符`, displays: (count, bytes) => `${count} 个显示内容（${bytes} 字节）`,
    whole: (parts) => `有 ${parts.join('和 ')}没有保留。`,
  },
};

/** Where displays with an id stand, for updates of this and of later cells. */
export interface DisplayIndex {
  add(displayId: string, output: RichOutput): void;
  /** Replaces all outputs with that id; false = unknown. */
  update(displayId: string, content: { data: JsonObject; metadata: JsonObject }): boolean;
}

/** Collects what one cell puts out, in the form and within the bounds in which it is stored. */
export class CellOutputs {
  readonly #displays: DisplayIndex;
  readonly #onChange: (change: CellChange) => void;
  readonly #budget = new TextBudget();
  readonly #language: Language;
  #outputs: CellOutput[] = [];
  #clearsNext = false;
  #richBytes = 0;
  #richDropped = { count: 0, bytes: 0 };
  #isCut = false;

  constructor(displays: DisplayIndex, onChange: (change: CellChange) => void, language: Language) {
    this.#language = language;
    this.#displays = displays;
    this.#onChange = onChange;
  }

  /** Takes one message of iopub; types that are no output are passed over. */
  take({ header, content }: JupyterMessage): void {
    switch (header.msg_type) {
      case 'stream': return this.addText(textOf(content.name, 'stdout'), textOf(content.text, ''));
      case 'display_data': case 'execute_result': return this.#addRich(header.msg_type, content);
      case 'update_display_data': return this.#update(content);
      case 'clear_output': return this.#clear(content.wait === true);
      case 'error': return this.addError(content);
      default: // Status, input echo, comms: nothing to store.
    }
  }

  addText(name: string, text: string): void {
    if (text === '') return;
    this.#clearIfAsked();
    const shown = this.#budget.take(name, text);
    if (shown !== '') this.#append(name, shown);
  }

  addError(content: JsonObject): void {
    this.#clearIfAsked();
    const output: ErrorOutput = {
      output_type: 'error', ename: textOf(content.ename, '').slice(0, ERROR_CHARS), evalue: clipMiddle(withoutColour(textOf(content.evalue, '')), ERROR_CHARS), traceback: tracebackOf(content.traceback),
    };
    this.#outputs.push(output);
    this.#onChange({ output });
  }

  /** Counts what the kernel's own caps removed. */
  drop({ stream, bytes, messages, tail }: DroppedOutput): void {
    if (stream === 'unknown') this.#isCut = true;
    else if (stream === 'rich') {
      this.#richDropped.count += messages;
      this.#richDropped.bytes += bytes;
    } else this.#budget.drop(stream, bytes, tail);
  }

  /** Shows what was held back and tells what is missing; afterwards the outputs are final. */
  finish(): CellOutput[] {
    for (const { name, text } of this.#budget.end()) this.#append(name, text);
    const notice = this.#notice();
    if (notice !== '') this.#append('stderr', notice);
    for (const output of this.#outputs) if (isStream(output)) output.text = applyTerminal(output.text);
    return this.#outputs;
  }

  get outputs(): readonly CellOutput[] {
    return this.#outputs;
  }

  /** Something was left out. */
  get isCut(): boolean {
    const { stdout, stderr, displays } = this.dropped;
    return this.#isCut || stdout + stderr + displays > 0;
  }

  /** What was left out: characters per stream, and displays. */
  get dropped(): { stdout: number; stderr: number; displays: number } {
    const { stdout = 0, stderr = 0 } = this.#budget.dropped;
    return { stdout, stderr, displays: this.#richDropped.count };
  }

  /** One line for everything that is missing. */
  #notice(): string {
    const { stdout, stderr, displays } = this.dropped;
    const texts = NOT_KEPT[this.#language];
    const parts = [
      ...(stdout + stderr > 0 ? [texts.characters(stdout + stderr)] : []), ...(displays > 0 ? [texts.displays(displays, this.#richDropped.bytes)] : []),
    ];
    return parts.length === 0 ? '' : `[sidecar] ${texts.whole(parts)}\n`;
  }

  #append(name: string, text: string): void {
    const last = this.#outputs.at(-1);
    if (last !== undefined && isStream(last) && last.name === name) last.text += text;
    else this.#outputs.push({ output_type: 'stream', name, text });
    this.#onChange({ output: { output_type: 'stream', name, text } });
  }

  #addRich(type: 'display_data' | 'execute_result', content: JsonObject): void {
    const size = JSON.stringify(content).length;
    const isOver = size > OUTPUT_CAPS.richBytes || this.#richBytes + size > OUTPUT_CAPS.richTotalBytes || this.#outputs.length >= OUTPUT_CAPS.outputs;
    if (isOver) {
      this.#richDropped.count += 1;
      this.#richDropped.bytes += size;
      return;
    }
    this.#richBytes += size;
    this.#clearIfAsked();
    const output: RichOutput = {
      output_type: type, data: objectOf(content.data), metadata: objectOf(content.metadata),
      ...(type === 'execute_result' ? { execution_count: content.execution_count ?? null } : {}),
    };
    const displayId = displayIdOf(content);
    if (displayId !== null) this.#displays.add(displayId, output);
    this.#outputs.push(output);
    this.#onChange(displayId === null ? { output } : { output, display_id: displayId });
  }

  #update(content: JsonObject): void {
    const displayId = displayIdOf(content);
    const output = { data: objectOf(content.data), metadata: objectOf(content.metadata) };
    if (displayId !== null && this.#displays.update(displayId, output)) this.#onChange({ update: true, display_id: displayId, output });
  }

  #clear(wait: boolean): void {
    this.#clearsNext = wait;
    if (!wait) this.#outputs = [];
    this.#onChange({ clear: true, wait });
  }

  #clearIfAsked(): void {
    if (!this.#clearsNext) return;
    this.#clearsNext = false;
    this.#outputs = [];
  }
}

const isStream = (output: CellOutput): output is Extract<CellOutput, { output_type: 'stream' }> => output.output_type === 'stream';
const textOf = (value: unknown, fallback: string): string => (typeof value === 'string' ? value : fallback);

function objectOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as JsonObject : {}; // proof: checked on this line
}

function displayIdOf(content: JsonObject): string | null {
  const { display_id: id } = objectOf(content.transient);
  return typeof id === 'string' ? id : null;
}

/** Lines of a traceback without colour. */
function tracebackOf(value: unknown): string[] {
  return Array.isArray(value) ? value.slice(-FRAMES).map((line) => clipMiddle(withoutColour(String(line)), FRAME_CHARS)) : [];
}
