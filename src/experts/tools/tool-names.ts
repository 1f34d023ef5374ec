/** Every tool there is, in the order in which they are offered. */
export const TOOL_NAMES = [
  'list_files', 'inspect_dataset', 'profile_dataset', 'check_suitability', 'read_text', 'read_knowledge', 'read_skill', 'run_python', 'finish',
] as const;
export type ToolName = (typeof TOOL_NAMES)[number];

/** Tools that look at one table. */
export const DATA_TOOLS = ['inspect_dataset', 'profile_dataset', 'check_suitability'] as const;
export type DataToolName = (typeof DATA_TOOLS)[number];

const LANE_TOOLS: ReadonlySet<string> = new Set<string>([...DATA_TOOLS, 'run_python']);

/** True for the name of a tool. */
export function isToolName(name: string): name is ToolName {
  return (TOOL_NAMES as readonly string[]).includes(name);
}

/** True for a tool that runs Python of ours on a table. */
export function isDataTool(name: string): name is DataToolName {
  return (DATA_TOOLS as readonly string[]).includes(name);
}

/** True for a tool that starts a process. */
export function isLaneTool(name: string): boolean {
  return LANE_TOOLS.has(name);
}

/** What a package may use if it does not say so itself. `read_text` and `run_python` must be asked for by name. */
export function deriveWhitelist(facts: { skillHandles: readonly string[]; hasSkills: boolean; hasKnowledge: boolean }): ToolName[] {
  const handles = facts.skillHandles.filter((name) => isToolName(name) && name !== 'read_text' && name !== 'run_python');
  const wanted = new Set<string>(handles);
  if (handles.some(isDataTool)) wanted.add('list_files');
  if (facts.hasSkills) wanted.add('read_skill');
  if (facts.hasKnowledge) wanted.add('read_knowledge');
  wanted.add('finish');
  return TOOL_NAMES.filter((name) => wanted.has(name));
}

/** Names a package lists itself, as far as they exist; `finish` is always among them. */
export function listedWhitelist(tools: readonly string[]): ToolName[] {
  return TOOL_NAMES.filter((name) => name === 'finish' || tools.includes(name));
}
