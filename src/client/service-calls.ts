import type { z } from 'zod';
import type {
  Capabilities, ChapterItemSchema, ContractSchema, CourseListSchema, Diagnostics, HealthSchema,
} from '../contracts/index.ts';
import type { Http } from './http.ts';

interface Options { signal?: AbortSignal | undefined; timeoutMs?: number }
type Chapter = z.infer<typeof ChapterItemSchema>;

/** Calls about the service and its content. */
export interface ServiceCalls {
  /** Throws SidecarApiError while the sidecar is stopping. */
  health(options?: Options): Promise<z.infer<typeof HealthSchema>>;
  contract(options?: Options): Promise<z.infer<typeof ContractSchema>>;
  capabilities(options?: Options): Promise<Capabilities>;
  diagnostics(options?: Options): Promise<Diagnostics>;
  courses(options?: Options): Promise<z.infer<typeof CourseListSchema>['courses']>;
  chapters(options?: Options & { courseId?: string }): Promise<Chapter[]>;
}

/** Binds the service routes to a requester. */
export function createServiceCalls(http: Http): ServiceCalls {
  return {
    health: (options = {}) => http.json('/health', options),
    contract: (options = {}) => http.json('/api/contract', options),
    capabilities: (options = {}) => http.json('/api/capabilities', options),
    diagnostics: (options = {}) => http.json('/api/diagnostics', options),
    courses: async (options = {}) => (await http.json<z.infer<typeof CourseListSchema>>('/api/courses', options)).courses,
    chapters: async ({ courseId, ...options } = {}) => {
      const path = courseId === undefined ? '/api/chapters' : `/api/courses/${encodeURIComponent(courseId)}/chapters`;
      return (await http.json<{ chapters: Chapter[] }>(path, options)).chapters;
    },
  };
}
