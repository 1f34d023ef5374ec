import {
  ConsultationRequestSchema, type ConsultationRequest, IntegrateProposalSchema, type IntegrateProposal, PacketPatchProposalSchema,
  type PacketPatchProposal, PlanPacketProposalSchema, type PlanPacketProposal, type PlanProposal, StateUpdateProposalSchema,
  type StateUpdateProposal,
} from '../state/index.ts';
import { clipCodePoints } from '../../contracts/index.ts';
import { createCoercionLog } from './coerce.ts';
import { absent, createPartReader, type Reading, readingOf } from './reading.ts';
import { isObject, readLoose } from './read-loose.ts';

/** A plan, part by part. `value` is null when no part survived: then the reply as a whole has failed. */
export interface PlanReading extends Reading<PlanProposal> {
  packet: Reading<PlanPacketProposal>;
  state_update: Reading<StateUpdateProposal>;
  consultation_request: Reading<ConsultationRequest>;
}

type Members = Readonly<Record<string, unknown>>;

const readPacketPart = createPartReader(PlanPacketProposalSchema, 'packet');
const readPatchPart = createPartReader<PacketPatchProposal>(PacketPatchProposalSchema, 'packet_patch');
const readStatePart = createPartReader(StateUpdateProposalSchema, 'state_update');
const readRequestPart = createPartReader(ConsultationRequestSchema, 'consultation_request');
const readSummaryPart = createPartReader(
  IntegrateProposalSchema.pick({ expert_consultation_summary: true, guidance_for_ca: true }), 'integrate',
);

const CONTEXT_NAMES = new Set([
  'file_name', 'task_id', 'task_requirements', 'student_confusion', 'concept_name', 'error_message', 'student_code_snippet',
  'learning_objectives', 'student_evidence',
]);
const CONTEXT = { bytes: 8192, otherChars: 400, nameChars: 64 } as const;

/** Reads what `plan` returned. A broken part is dropped alone; the others stand. */
export function readPlan(text: string): PlanReading {
  const log = createCoercionLog();
  const loose = readLoose(text);
  log.coercions.push(...loose.notes);
  const value = loose.value ?? {};
  if (loose.value === null) log.problems.push('plan: not readable');
  const packet = readPart(packetOf(value), readPacketPart);
  const state = readPart(tidyState(value['state_update']), readStatePart);
  const request = readConsultationRequest(value['consultation_request']);
  for (const part of [packet, state, request]) {
    log.problems.push(...part.problems);
    if (part.coerced) log.coercions.push('part');
    log.unknownKeys += part.unknownKeys;
  }
  const isEmpty = packet.value === null && state.value === null && request.value === null;
  if (isEmpty && log.problems.length === 0) log.problems.push('plan: no part');
  const proposal = isEmpty ? null : { packet: packet.value, state_update: state.value, consultation_request: request.value };
  return { ...readingOf<PlanProposal>(proposal, log), packet, state_update: state, consultation_request: request };
}

/** Reads what `integrate` returned; null when one of its two texts is missing. Broken optional parts are dropped alone. */
export function readIntegrate(text: string): Reading<IntegrateProposal> {
  const log = createCoercionLog();
  const loose = readLoose(text);
  if (loose.value === null) {
    log.problems.push('integrate: not readable');
    return readingOf<IntegrateProposal>(null, log);
  }
  log.coercions.push(...loose.notes);
  const { packet_patch: patch, state_update: state, consultation_request: request, ...rest } = loose.value;
  const summary = readSummaryPart(rest, log);
  const parts = { packet_patch: readPart(patch, readPatchPart), state_update: readPart(tidyState(state), readStatePart),
    consultation_request: readConsultationRequest(request) };
  for (const part of Object.values(parts)) {
    log.problems.push(...part.problems);
    if (part.coerced) log.coercions.push('part');
    log.unknownKeys += part.unknownKeys;
  }
  if (summary.value === null) return readingOf<IntegrateProposal>(null, log);
  return readingOf<IntegrateProposal>({
    ...summary.value, packet_patch: parts.packet_patch.value, state_update: parts.state_update.value,
    consultation_request: parts.consultation_request.value,
  }, log);
}

/** Reads a question to an expert from a part of a plan; its context keeps known names, clips others and stays below 8 KB. */
export function readConsultationRequest(raw: unknown): Reading<ConsultationRequest> {
  const isNothing = raw === undefined || raw === null || raw === false || raw === '' || (isObject(raw) && Object.keys(raw).length === 0);
  if (isNothing) return absent<ConsultationRequest>();
  const reading = readRequestPart(raw);
  if (reading.value === null) return reading;
  const context = boundContext(reading.value.context);
  return { ...reading, value: { ...reading.value, context } };
}

function readPart<T>(raw: unknown, read: (raw: unknown) => Reading<T>): Reading<T> {
  return raw === undefined || raw === null ? absent<T>() : read(raw);
}

/** Some models leave out the wrapper and send the packet's fields at the top. */
function packetOf(value: Members): unknown {
  if (value['packet'] !== undefined) return value['packet'];
  return value['current_focus'] === undefined && value['guidance_for_ca'] === undefined ? undefined : value;
}

/** A bare status stands for its object; a list of entries for the map by id. What is sent for a packet's wrapper is not touched. */
function tidyState(raw: unknown): unknown {
  if (!isObject(raw)) return raw;
  const status = raw['subtask_status'];
  const entries: [string, unknown][] = Array.isArray(status)
    ? status.filter((item) => isObject(item)).map((item) => [String(item['subtask_id'] ?? item['id'] ?? ''), item])
    : Object.entries(isObject(status) ? status : {});
  if (entries.length === 0) return raw;
  const tidy = entries.map(([id, item]) => [id, typeof item === 'string' ? { status: item } : item]);
  return { ...raw, subtask_status: Object.fromEntries(tidy) };
}

function boundContext(context: Members): Record<string, unknown> {
  const kept: [string, unknown][] = [];
  let bytes = 2;
  for (const [name, raw] of Object.entries(context)) {
    const isKnown = CONTEXT_NAMES.has(name);
    const value = isKnown ? raw : clipCodePoints(typeof raw === 'string' ? raw : JSON.stringify(raw) ?? '', CONTEXT.otherChars);
    const key = clipCodePoints(name, CONTEXT.nameChars);
    bytes += new TextEncoder().encode(JSON.stringify({ [key]: value })).length;
    if (bytes <= CONTEXT.bytes) kept.push([key, value]);
  }
  return Object.fromEntries(kept);
}
