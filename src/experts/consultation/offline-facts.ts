import type { OfflineHints } from '../../models/index.ts';
import type { ToolFact } from '../outputs/check-output.ts';
import type { ExpertPackage } from '../registry/load-package.ts';
import { namedFile } from './request.ts';
import type { ExpertRequest } from './request.ts';

/** The typed facts of a consultation step, for the tutor that reads no prompt. */
export function consultHints({ request, expert, language, facts }: {
  request: ExpertRequest; expert: ExpertPackage; language: string; facts: readonly ToolFact[];
}): OfflineHints {
  const textOf = (name: string): string => (typeof request.context[name] === 'string' ? request.context[name] : '');
  const error = textOf('error_message');
  return {
    purpose: 'consult', language, message: request.question, task: null, focus: '', targets: [], openTasks: [],
    lastRun: error === '' ? null : { ok: false, stdout: '', stderr: error, code: textOf('student_code_snippet') },
    newUploads: [], skipNote: null, consultResult: null, judgement: null,
    experts: [{ id: expert.expertId, outputModes: expert.outputModes }],
    facts: {
      output_type: request.expected_output_type, question: request.question, concept: textOf('concept_name'), file_name: namedFile(request),
      ...(request.context['task_requirements'] === undefined ? {} : { task_requirements: request.context['task_requirements'] }),
      tool_results: facts.map(({ name, result }) => ({ name, result })),
      knowledge: [...expert.knowledge].map(([name, text]) => ({ name, text })),
    },
  };
}
