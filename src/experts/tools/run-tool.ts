import { bendToShape } from '../outputs/bend-to-shape.ts';
import type { ExpertPackage } from '../registry/load-package.ts';
import * as z from 'zod';
import { runDataTool, runPython } from './lane-tools.ts';
import type { LaneContext } from './lane-tools.ts';
import { listFiles, readDocument, readTextFile } from './read-tools.ts';
import type { SessionFile } from './session-files.ts';
import { TOOL_INPUTS } from './tool-definitions.ts';
import type { TaskRequirements } from './tool-definitions.ts';
import { isDataTool } from './tool-names.ts';
import type { ToolName } from './tool-names.ts';
import { toolError } from './tool-outcome.ts';
import type { ToolOutcome } from './tool-outcome.ts';

/** What the tools of one consultation work on. */
export interface ToolContext {
  expert: ExpertPackage;
  files: readonly SessionFile[];
  /** Of the question; the only requirements there are, whatever the model passes. */
  requirements: TaskRequirements | null;
  /** Null where nothing can run. */
  lane: LaneContext | null;
}

/** Runs one tool other than `finish`. Input that does not fit and files that are not listed are errors for the model. */
export async function runTool(name: Exclude<ToolName, 'finish'>, rawInput: unknown, context: ToolContext): Promise<ToolOutcome> {
  const parsed = TOOL_INPUTS[name].safeParse(bendToShape(z.toJSONSchema(TOOL_INPUTS[name], { io: 'input', unrepresentable: 'any' }), rawInput ?? {}));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return toolError('invalid_input', `input.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
  }
  return await dispatch(name, parsed.data, context);
}

async function dispatch(name: Exclude<ToolName, 'finish'>, data: unknown, context: ToolContext): Promise<ToolOutcome> {
  switch (name) {
    case 'list_files': return listFiles(context.files);
    case 'read_knowledge': return readDocument(context.expert, { tool: name, name: TOOL_INPUTS.read_knowledge.parse(data).name });
    case 'read_skill': return readDocument(context.expert, { tool: name, name: TOOL_INPUTS.read_skill.parse(data).handle });
    case 'read_text': {
      const input = TOOL_INPUTS.read_text.parse(data);
      const file = findFile(context.files, input.file_name);
      return file === null ? unknownFile(context.files) : await readTextFile(file, input);
    }
    case 'run_python': return context.lane === null ? noLane() : await runPython(context.lane, TOOL_INPUTS.run_python.parse(data));
    default: return await useDataTool(name, data, context);
  }
}

async function useDataTool(name: Exclude<ToolName, 'finish'>, data: unknown, { files, requirements, lane }: ToolContext): Promise<ToolOutcome> {
  if (!isDataTool(name) || lane === null) return noLane();
  const input = TOOL_INPUTS[name].parse(data);
  const file = findFile(files, input.file_name);
  if (file === null) return unknownFile(files);
  if (!lane.inputs.includes(file.name)) return toolError('not_in_workspace', `the workspace of this consultation holds only: ${namesOf(lane.inputs)}`);
  const { sample_rows: rows } = z.object({ sample_rows: z.number().optional() }).parse(input);
  return await runDataTool(lane, {
    tool: name,
    input: {
      file_name: file.name, ...(rows === undefined ? {} : { sample_rows: rows }),
      ...(name === 'check_suitability' && requirements !== null ? { task_requirements: requirements } : {}),
    },
  });
}

function noLane(): ToolOutcome {
  return toolError('lane_unavailable', 'nothing can be run here');
}

/** Names are looked up, never joined to a path. Models like to add the folder that they were told of. */
export function findFile(files: readonly SessionFile[], name: string): SessionFile | null {
  const wanted = name.normalize('NFC');
  const bare = wanted.replace(/^(?:\/workspace\/)?inputs\//, '');
  return files.find((file) => file.name === wanted) ?? files.find((file) => file.name === bare) ?? null;
}

function unknownFile(files: readonly SessionFile[]): ToolOutcome {
  return toolError('file_not_found', `no such file; there are: ${namesOf(files.map(({ name }) => name))}`);
}

function namesOf(names: readonly string[]): string {
  return names.slice(0, 20).map((name) => JSON.stringify(name)).join(', ') || 'none';
}
