import { stringify } from 'yaml';
import { isRecord, readYamlData } from '../../content/index.ts';
import { importLegacyRules } from './import-legacy-rules.ts';
import type { ImportedRules } from './import-legacy-rules.ts';

/** The sentence rules of a `consultation_config.yaml` as typed rules, ready to be put into it. */
export interface PrintedRules extends ImportedRules { yaml: string }

/** Reads the text of a configuration; an unreadable one is `invalid` with the reason. */
export function printImportedRules(config: string): { kind: 'printed'; printed: PrintedRules } | { kind: 'invalid'; reason: string } {
  const data = readYamlData(config);
  if (data.kind === 'invalid') return data;
  const bindings = isRecord(data.value) && isRecord(data.value['binding_rules']) ? data.value['binding_rules'] : {};
  const imported = importLegacyRules(bindings['expert_judgment_binding']);
  return { kind: 'printed', printed: { ...imported, yaml: stringify({ binding_rules: { rules: imported.rules } }, { lineWidth: 120 }) } };
}
