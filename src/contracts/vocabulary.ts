import * as z from 'zod';

export const SubtaskStateSchema = z.enum(['not_started', 'in_progress', 'completed', 'skipped']);
export const BlockerTypeSchema = z.enum(['none', 'scaffolding', 'core_concept', 'core_implementation', 'external_resource_needed']);
export const SentimentSchema = z.enum(['engaged', 'confused', 'frustrated', 'fatigued']);
export const ProgressDeltaSchema = z.enum(['none', 'evidence_added', 'checkpoint_reached', 'regressed']);
export const LockUntilSchema = z.enum([
  'checkpoint_reached', 'attempts_exceeded', 'new_error_type', 'user_uploads_suitable_dataset_or_uses_example',
]);
export const HelperScopeSchema = z.enum(['none', 'file_creation', 'env_setup', 'path_check', 'data_generation']);
export const TaskKindSchema = z.enum(['core', 'mandatory', 'optional', 'advanced', 'scaffolding']);
export const SkipReasonSchema = z.enum(['已掌握', '不感兴趣', '太难了', '太啰嗦', '其他']);
export const ConsultReasonSchema = z.enum([
  'user_uploaded_new_data_file', 'user_requested_data_analysis', 'concept_clarification_needed', 'error_diagnosis_needed',
  'progress_validation_needed',
]);
export const AgentCodeSchema = z.enum(['CA', 'RMA', 'MA', 'EXP']);
export const TurnKindSchema = z.enum(['student', 'greeting', 'task_skipped']);
export const TurnEndSchema = z.enum(['complete', 'cancelled', 'failed', 'interrupted']);
export const TeachingModeSchema = z.enum(['socratic', 'direct']);
export const ErrorTypeSchema = z.enum(['conceptual', 'coding', 'scaffolding']);
export const LaneSchema = z.enum(['user', 'expert', 'notebook']);

export type SubtaskState = z.infer<typeof SubtaskStateSchema>;
export type BlockerType = z.infer<typeof BlockerTypeSchema>;
export type Sentiment = z.infer<typeof SentimentSchema>;
export type ProgressDelta = z.infer<typeof ProgressDeltaSchema>;
export type LockUntil = z.infer<typeof LockUntilSchema>;
export type HelperScope = z.infer<typeof HelperScopeSchema>;
export type TaskKind = z.infer<typeof TaskKindSchema>;
export type SkipReason = z.infer<typeof SkipReasonSchema>;
export type ConsultReason = z.infer<typeof ConsultReasonSchema>;
export type AgentCode = z.infer<typeof AgentCodeSchema>;
export type TurnKind = z.infer<typeof TurnKindSchema>;
export type TurnEnd = z.infer<typeof TurnEndSchema>;
export type Lane = z.infer<typeof LaneSchema>;
