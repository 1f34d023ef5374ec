export {
  createCompanionParser, type CompanionMode, type CompanionParser, type ParserEvent, type ParserNote, type ReplyPart, type StreamEndReason,
} from './companion-parser.ts';
export { parseCompanion, summarizeReply, type CompanionReply, type ParseCompanionOptions } from './parse-companion.ts';
export { createChunker, type Chunker } from './chunker.ts';
export { createProsePipeline, type ProseEvent, type ProsePipeline, type ProsePipelineOptions } from './prose-pipeline.ts';
export { type SolutionPolicy } from './solution-guard.ts';
export { solutionTokens } from './solution-tokens.ts';
