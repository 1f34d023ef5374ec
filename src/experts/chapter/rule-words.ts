import type { BindingRule } from '../../contracts/index.ts';
import type { ChapterConsultation } from './consultation-config.ts';
import type { Trigger } from './triggers.ts';

/** The chapter's rules about consulting, in words for the planner. */
export function ruleWords({ mustConsult, mustNotConsult, triggers, rules }: ChapterConsultation): string[] {
  return [
    ...mustConsult.map((line) => `Must: ${line}`), ...mustNotConsult.map((line) => `Must not: ${line}`),
    ...triggers.map((trigger) => `Asked by code when ${causeWords(trigger)}: ${trigger.expert_id} for ${trigger.output_type}.`),
    ...rules.map(bindingWords),
  ];
}

function causeWords(trigger: Trigger): string {
  switch (trigger.on) {
    case 'new_upload': return `a file is uploaded${trigger.extensions === undefined ? '' : ` (${trigger.extensions.join(', ')})`}`;
    case 'attempts': return `${trigger.gte} attempts brought no progress`;
    case 'blocker': return `the blocker is ${trigger.in.join(' or ')}`;
    case 'checkpoint': return 'a checkpoint is reached';
    default: return trigger satisfies never;
  }
}

function bindingWords({ name, when, set }: BindingRule): string {
  const about = [when.expert_id, when.output_type].filter((part) => part !== undefined).join(' ');
  const wanted = when.value === undefined ? '' : ` ${JSON.stringify(when.value)}`;
  return `Binding (${name}): if ${about === '' ? 'an answer' : about} has ${when.field} ${when.op}${wanted}, code sets ${Object.keys(set).join(', ')}.`;
}
