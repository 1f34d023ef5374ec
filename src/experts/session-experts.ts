import type { Clock, Log } from '../config/index.ts';
import type { ContentResolver, SessionContent } from '../content/index.ts';
import type { SessionRow } from '../store/index.ts';
import { readChapterConsultation } from './chapter/consultation-config.ts';
import type { ChapterConsultation } from './chapter/consultation-config.ts';
import { LANE_TYPES } from './outputs/output-schemas.ts';
import type { ExpertDiagnostic } from './registry/expert-diagnostic.ts';
import { loadRegistry } from './registry/load-registry.ts';
import type { ExpertRegistry } from './registry/load-registry.ts';
import type { ExpertPackage } from './registry/load-package.ts';
import { isLaneTool } from './tools/tool-names.ts';
import type { ToolName } from './tools/tool-names.ts';

const KEPT_SESSIONS = 512;
const FRESH_MS = 60_000;
const MOST_PROBLEMS = 100;
const sourcesOf = (session: Pick<SessionRow, 'desktop_context'>): string => JSON.stringify(session.desktop_context);
const NONE: ExpertRegistry = { experts: new Map(), diagnostics: [] };

/** The expert packages of sessions, as last read. */
export class SessionExperts {
  private readonly deps: { content: Pick<ContentResolver, 'checkSources' | 'findExperts'>; hasToken: boolean; clock: Clock };
  /** The least recently read session leaves first. */
  private readonly registries = new Map<string, { registry: ExpertRegistry; sources: string; readAt: number }>();

  constructor(deps: { content: Pick<ContentResolver, 'checkSources' | 'findExperts'>; hasToken: boolean; clock: Clock }) {
    this.deps = deps;
  }

  /** Reads the packages anew, so that an update holds from the next consultation on. Throws CONTENT_CORRUPT. */
  async refresh(session: Pick<SessionRow, 'session_id' | 'desktop_context'>, signal: AbortSignal): Promise<ExpertRegistry> {
    const { trusted } = await this.deps.content.checkSources(session.desktop_context ?? {}, { hasToken: this.deps.hasToken });
    const { packages } = await this.deps.content.findExperts(trusted, signal);
    const registry = await loadRegistry(packages);
    this.registries.delete(session.session_id);
    this.registries.set(session.session_id, { registry, sources: sourcesOf(session), readAt: this.deps.clock.monotonicMs() });
    for (const oldest of this.registries.keys()) if (this.registries.size > KEPT_SESSIONS) this.registries.delete(oldest);
    return registry;
  }

  /** True when the packages of these sources were read a moment ago. */
  isFresh(session: Pick<SessionRow, 'session_id' | 'desktop_context'>): boolean {
    const known = this.registries.get(session.session_id);
    return known !== undefined && known.sources === sourcesOf(session) && this.deps.clock.monotonicMs() - known.readAt < FRESH_MS;
  }

  /** The packages that every session has: those of the environment and the program. */
  async shared(): Promise<ExpertRegistry> {
    const { trusted } = await this.deps.content.checkSources({}, { hasToken: this.deps.hasToken });
    return await loadRegistry((await this.deps.content.findExperts(trusted)).packages);
  }

  /** What is wrong with packages that sessions brought, as they were read last; each finding once. */
  problems(): ExpertDiagnostic[] {
    const found = [...this.registries.values()].flatMap(({ registry }) => registry.diagnostics);
    return [...new Map(found.map((problem) => [JSON.stringify(problem), problem])).values()].slice(0, MOST_PROBLEMS);
  }

  /** The packages as they were read last; none before the first time. */
  known(sessionId: string): ExpertRegistry {
    return this.registries.get(sessionId)?.registry ?? NONE;
  }
}

/** The chapter's consultation settings. They are kept beside the content they were read from and go with it. */
export class ChapterConsultations {
  private readonly log: Log;
  private readonly read = new WeakMap<SessionContent['chapter'], ChapterConsultation>();

  constructor(log: Log) {
    this.log = log;
  }

  /** Whatever of the configuration cannot be used is warned of when it is read. */
  of(content: Pick<SessionContent, 'chapter' | 'chapter_id'>): ChapterConsultation {
    const known = this.read.get(content.chapter);
    if (known !== undefined) return known;
    const consultation = readChapterConsultation(content);
    this.read.set(content.chapter, consultation);
    const { problems, unparsed } = consultation;
    if (problems.length + unparsed.length > 0) this.log.warn({ chapterId: content.chapter_id, problems, unparsed }, 'a consultation configuration has problems');
    return consultation;
  }
}

/** Tools that a package may use on this machine. */
export function effectiveTools(expert: ExpertPackage, isLaneAvailable: boolean): ToolName[] {
  return expert.whitelist.filter((name) => isLaneAvailable || !isLaneTool(name));
}

/** Output types that an expert can give on this machine. */
export function possibleOutputs(expert: ExpertPackage, isLaneAvailable: boolean): string[] {
  return expert.outputModes.filter((mode) => isLaneAvailable || !LANE_TYPES.includes(mode));
}
