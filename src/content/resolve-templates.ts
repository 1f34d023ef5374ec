import type { ContentDiagnostic } from './diagnostic.ts';
import { warn } from './diagnostic.ts';
import type { Provenance } from './diagnostic.ts';
import type { ResolvedText } from './agent-texts.ts';
import { readPackaged } from './agent-texts.ts';
import { readOptionalText } from './read-text.ts';
import type { TemplateName } from './report-template.ts';
import { parseReportTemplate } from './report-template.ts';

/** A folder that may hold templates, below a real root. */
export interface TemplatePlace { root: string; folder: string; provenance: Provenance }

/** All report templates: the first place that has a usable one wins, template by template; else the packaged one. */
export async function resolveTemplates(places: readonly TemplatePlace[], packagedPrompts: string | null, diagnostics: ContentDiagnostic[]): Promise<Record<TemplateName, ResolvedText>> {
  const resolve = async (name: TemplateName): Promise<ResolvedText> => {
    for (const place of places) {
      const path = place.folder === '' ? `${name}.md` : `${place.folder}/${name}.md`;
      const text = await readOptionalText(place.root, path, diagnostics);
      if (text === null) continue;
      if (isUsable(name, text)) return { text, provenance: place.provenance };
      diagnostics.push(warn('template_unusable', `${name}.md has no section heading that the report knows`, { path }));
      break;
    }
    return readPackaged(packagedPrompts, `templates/${name}.md`, diagnostics);
  };
  return {
    dynamic_report_template: await resolve('dynamic_report_template'),
    student_error_summary_template: await resolve('student_error_summary_template'),
    final_learning_report_template: await resolve('final_learning_report_template'),
  };
}

/** Only the dynamic report is built from its template's headings; the other templates are guidance as they stand. */
function isUsable(name: TemplateName, text: string): boolean {
  return name !== 'dynamic_report_template' || parseReportTemplate(text).length > 0;
}
