import * as z from 'zod';

const count = z.int().nonnegative();

export const ErrorBodySchema = z.object({ detail: z.string(), code: z.string() });
export const HealthSchema = z.object({
  status: z.enum(['healthy', 'stopping']), version: z.string().optional(), pid: z.int().optional(), uptime_ms: count.optional(),
});
export const ContractSchema = z.object({
  contract_version: z.literal('v1'), api_version: z.string(),
  routes: z.array(z.object({
    method: z.string(), path: z.string(), stability: z.enum(['stable', 'beta']),
    source: z.enum(['demo_parity', 'sidecar_extension', 'new']), auth: z.enum(['none', 'open', 'token']),
  })),
  sse_event_types: z.array(z.string()), features: z.array(z.string()),
});
export const CourseListSchema = z.object({
  courses: z.array(z.object({ course_id: z.string(), title: z.string(), description: z.string(), chapter_count: count, full_info: z.string() })),
});
export const ChapterItemSchema = z.object({
  chapter_id: z.string(), title: z.string(), description: z.string(), context: z.string(),
  course_id: z.string().optional(), course_title: z.string().optional(),
});
export const ChapterListSchema = z.object({ chapters: z.array(ChapterItemSchema) });

export const GuardSummarySchema = z.object({ state: z.enum(['enforced', 'partial', 'absent']), reason: z.string().nullable() });
export const GUARD_NAMES = ['filesystem', 'network', 'environment', 'memory', 'cpu', 'processes', 'output', 'disk', 'wall_time'] as const;
export const LaneReportSchema = z.looseObject({
  available: z.boolean(), reason: z.string().nullable(), guards: z.record(z.enum(GUARD_NAMES), GuardSummarySchema),
});
export type LaneReport = z.infer<typeof LaneReportSchema>;
export const CapabilitiesSchema = z.looseObject({
  platform: z.string(), arch: z.string(),
  versions: z.object({ sidecar: z.string(), node: z.string(), python: z.string().nullable() }),
  python: z.object({ available: z.boolean(), reason: z.string().nullable() }),
  model: z.object({ mode: z.enum(['provider', 'offline']), provider: z.string().nullable(), model: z.string().nullable() }),
  auth_mode: z.enum(['token', 'desktop']),
  lanes: z.object({ user: LaneReportSchema, expert: LaneReportSchema, notebook: LaneReportSchema }),
  experts: z.array(z.looseObject({ expert_id: z.string() })),
  limits: z.record(z.string(), z.number()), features: z.array(z.string()),
});
export type Capabilities = z.infer<typeof CapabilitiesSchema>;

/** Where the texts of a chapter in use came from: the chapter itself, a bundle, a folder of the environment, the program's package. */
export const ContentSourceSchema = z.object({
  chapter_id: z.string(), sessions: count, chapter_source: z.enum(['bundle', 'environment', 'packaged']),
  bundle_version: z.string().nullable(), scope_id: z.string().nullable(),
  texts: z.record(z.string(), z.enum(['chapter', 'bundle', 'environment', 'packaged', 'missing'])),
});
export type ContentSource = z.infer<typeof ContentSourceSchema>;

const NotedErrorSchema = z.object({ at: z.string(), code: z.string(), request_id: z.string() });

export const DiagnosticsSchema = z.looseObject({
  started_at: z.string(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
  sync: z.object({ pending: count, oldest_at: z.string().nullable(), paused_reason: z.string().nullable(), dead_letters: count }),
  imports: z.array(z.object({ session_id: z.string(), problem: z.string() })),
  content: z.array(z.object({ chapter_id: z.string(), problem: z.string() })),
  content_sources: z.array(ContentSourceSchema),
  children: z.object({ live: count, by_lane: z.record(z.string(), count) }),
  memory: z.object({ rss_bytes: count }),
  event_loop_delay_ms: z.number(),
  recent_errors: z.array(NotedErrorSchema),
  /** Kept apart, because any page or program can cause them. */
  recent_refusals: z.array(NotedErrorSchema),
});
export type Diagnostics = z.infer<typeof DiagnosticsSchema>;
