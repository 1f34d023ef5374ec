/** What a finding about an expert package is about. */
export type ExpertDiagnosticCode =
  | 'package_broken' | 'package_shadowed' | 'handle_without_document' | 'tool_unknown' | 'output_mode_unknown' | 'file_skipped' | 'principles_clipped';

/** One finding about an expert package. `path` is relative to its root. */
export interface ExpertDiagnostic {
  code: ExpertDiagnosticCode;
  severity: 'warning' | 'error';
  expert_id: string;
  path: string;
  message: string;
}
