export { PROMPT_CATALOGUE, PROMPT_IDS, type PromptId, type PromptContract } from './catalogue.ts';
export { loadPrompts, createPromptSet, type PromptSet, type PromptPlaces, type PromptValues } from './prompt-set.ts';
export { parsePrompt, type Prompt } from './parse-prompt.ts';
export { parseTemplate, renderTemplate, namesOf, type TemplateNode } from './template.ts';
export { escapeMarkers, wrapData, quoteName } from './data-block.ts';
export { outlineSchema } from './outline-schema.ts';
export { languageName } from './language-name.ts';
export { JUDGEMENT_EXAMPLES, SKIP_WORDS, judgementLine, judgementShape, recordLines, type JudgementLine } from './judgement-guide.ts';
