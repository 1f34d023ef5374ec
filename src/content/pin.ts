import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { AgentName, AgentTexts, ProtocolName, ResolvedText } from './agent-texts.ts';
import { AGENT_NAMES, PROTOCOL_NAMES } from './agent-texts.ts';
import type { Provenance } from './diagnostic.ts';
import { readTasks } from './load-chapter.ts';
import type { SessionContent } from './session-content.ts';
import type { TemplateName } from './report-template.ts';
import { TEMPLATE_NAMES } from './report-template.ts';

/** A text under its content hash (SHA-256, hex). */
export interface PinnedText { hash: string; text: string; provenance: Provenance }

/** All texts that a session uses. `content_hash` depends on names and texts alone, never on where they came from. */
export interface ContentPin { content_hash: string; texts: Record<string, PinnedText> }

/** Facts about the content that are no text; kept as one JSON text. Paths and versions are left out: they change nothing a turn uses. */
const FactsSchema = z.object({
  chapter_id: z.string(), course_id: z.string().nullable(), title: z.string(), description: z.string(), language: z.string(),
  sort_order: z.number().nullable(), declared_experts: z.array(z.string()),
});
/** Kept beside the hash: which bundle it was. */
const OriginSchema = z.object({
  bundle_version: z.string().nullable(), scope_id: z.string().nullable(), chapter_provenance: z.enum(['bundle', 'environment', 'packaged']),
});

const FACTS = 'facts';
const ORIGIN = 'origin';

/** Collects every text of a session's content under its hash, ready to be stored. */
export function collectPin(content: SessionContent): ContentPin {
  const { chapter } = content;
  const own = (text: string): ResolvedText => ({ text, provenance: 'chapter' });
  const { bundle_version, scope_id, chapter_provenance, chapter_id, course_id } = content;
  const { title, description, language, sort_order, declared_experts } = chapter;
  const named: [string, ResolvedText | null][] = [
    ['chapter_context', own(chapter.chapter_context)],
    ['task_list', own(chapter.task_list)],
    ['task_completion_principles', own(chapter.task_completion_principles)],
    ['consultation_config', chapter.consultation_config === null ? null : own(chapter.consultation_config)],
    ['consultation_guide', chapter.consultation_guide === null ? null : own(chapter.consultation_guide)],
    [FACTS, own(JSON.stringify({ chapter_id, course_id, title, description, language, sort_order, declared_experts }))],
    [ORIGIN, own(JSON.stringify({ bundle_version, scope_id, chapter_provenance }))],
    ...PROTOCOL_NAMES.map((name): [string, ResolvedText] => [`protocol.${name}`, content.protocol[name]]),
    ...TEMPLATE_NAMES.map((name): [string, ResolvedText] => [`template.${name}`, content.templates[name]]),
    ...AGENT_NAMES.flatMap((name): [string, ResolvedText | null][] => [
      [`policy.${name}`, content.agents[name].policy], [`skills.${name}`, content.agents[name].skills],
    ]),
  ];
  const texts = Object.fromEntries(named.flatMap(([name, text]) => (text === null ? [] : [[name, { hash: sha256(text.text), ...text }]])));
  return { content_hash: hashOf(texts), texts };
}

/** The content that `collectPin` collected. Throws when a text of the pin is gone or broken. */
export function restoreFromPin(pin: ContentPin): SessionContent {
  const facts = FactsSchema.parse(JSON.parse(textOf(pin, FACTS)));
  const origin = OriginSchema.parse(JSON.parse(textOf(pin, ORIGIN)));
  const taskList = textOf(pin, 'task_list');
  return {
    chapter_id: facts.chapter_id, course_id: facts.course_id, ...origin,
    chapter: {
      title: facts.title, description: facts.description, language: facts.language, sort_order: facts.sort_order,
      chapter_context: textOf(pin, 'chapter_context'),
      task_list: taskList,
      task_completion_principles: textOf(pin, 'task_completion_principles'),
      tasks: readTasks(taskList, facts.language, []),
      consultation_config: pin.texts['consultation_config']?.text ?? null,
      consultation_guide: pin.texts['consultation_guide']?.text ?? null,
      declared_experts: facts.declared_experts,
    },
    agents: {
      companion: restoreAgent(pin, 'companion'), roadmap_manager: restoreAgent(pin, 'roadmap_manager'), memo: restoreAgent(pin, 'memo'),
    },
    protocol: {
      interaction_protocol: restoreText(pin, protocolKey('interaction_protocol')), socratic_vs_direct: restoreText(pin, protocolKey('socratic_vs_direct')),
    },
    templates: {
      dynamic_report_template: restoreText(pin, templateKey('dynamic_report_template')),
      student_error_summary_template: restoreText(pin, templateKey('student_error_summary_template')),
      final_learning_report_template: restoreText(pin, templateKey('final_learning_report_template')),
    },
  };
}

/** Where each text of the content came from, by its name in the pin. */
export function textSources(content: SessionContent): Record<string, Provenance> {
  const texts = Object.entries(collectPin(content).texts).filter(([name]) => name !== FACTS && name !== ORIGIN);
  return Object.fromEntries(texts.map(([name, { provenance }]) => [name, provenance]));
}

function restoreAgent(pin: ContentPin, agent: AgentName): AgentTexts {
  const skills = `skills.${agent}`;
  return { policy: restoreText(pin, `policy.${agent}`), skills: pin.texts[skills] === undefined ? null : restoreText(pin, skills) };
}

function protocolKey(name: ProtocolName): string {
  return `protocol.${name}`;
}

function templateKey(name: TemplateName): string {
  return `template.${name}`;
}

function restoreText(pin: ContentPin, name: string): ResolvedText {
  const text = textOf(pin, name);
  return { text, provenance: pin.texts[name]?.provenance ?? 'missing' };
}

function textOf(pin: ContentPin, name: string): string {
  const pinned = pin.texts[name];
  if (pinned === undefined || sha256(pinned.text) !== pinned.hash) throw new Error(`the pinned content lacks ${name}`);
  return pinned.text;
}

function hashOf(texts: Readonly<Record<string, PinnedText>>): string {
  const names = Object.keys(texts).filter((name) => name !== ORIGIN).sort();
  return sha256(names.map((name) => `${name} ${texts[name]?.hash ?? ''}\n`).join(''));
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
