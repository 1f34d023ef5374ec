/** What a content diagnostic is about. Codes in capitals refuse a session; the others never do. */
export type ContentDiagnosticCode =
  | 'kind_conflict' | 'kind_unknown' | 'task_id_ignored' | 'scope_mismatch' | 'manifest_missing' | 'file_unlisted'
  | 'legacy_agent_skills_ignored' | 'template_unusable' | 'consultation_config_invalid' | 'consultation_config_problem' | 'unparsed_rule'
  | 'guide_without_config' | 'file_skipped' | 'name_collision' | 'text_missing'
  | 'TASK_LIST_EMPTY' | 'TASK_ID_DUPLICATE' | 'CHAPTER_NOT_FOUND' | 'CHAPTER_AMBIGUOUS' | 'CHAPTER_INVALID' | 'CHAPTER_ID_INVALID'
  | 'CONTENT_CORRUPT';

/** One finding about content. `path` is relative to its root, `line` counts from 1; no absolute path stands in a message. */
export interface ContentDiagnostic {
  code: ContentDiagnosticCode;
  severity: 'warning' | 'error';
  message: string;
  path?: string;
  line?: number;
}

/** Where a resolved text comes from. */
export type Provenance = 'chapter' | 'bundle' | 'environment' | 'packaged' | 'missing';

/** A warning about a file or a text. */
export function warn(code: ContentDiagnosticCode, message: string, place: { path?: string; line?: number } = {}): ContentDiagnostic {
  return { code, severity: 'warning', message, ...place };
}

/** A finding that refuses the session. */
export function fault(code: ContentDiagnosticCode, message: string, place: { path?: string; line?: number } = {}): ContentDiagnostic {
  return { code, severity: 'error', message, ...place };
}
