import { join } from 'node:path';
import type { Config } from '../../config/index.ts';
import { createContentResolver } from '../../content/index.ts';
import type { ContentResolver } from '../../content/index.ts';
import { SidecarError } from '../../contracts/index.ts';
import { loadRegistry } from '../../experts/index.ts';
import type { Check } from './check.ts';
import { fine, warning } from './check.ts';

const MOST_PROBLEMS = 10;
const FIX = 'correct it; sidecar content check tells more';

/** Can the courses be opened and the experts be asked that every session has? A broken one leaves the others usable. */
export async function checkContentFolders(config: Config): Promise<Check[]> {
  const { content: folders, programDir, homeDir } = config;
  const resolver = createContentResolver({
    roots: {
      curriculumDir: folders.curriculumDir ?? undefined, expertsDir: folders.expertsDir ?? undefined, mainAgentsDir: folders.mainAgentsDir ?? undefined,
      curriculumTemplatesDir: folders.curriculumTemplatesDir ?? undefined, tutorRoot: folders.tutorRoot ?? undefined, contentRoots: folders.contentRoots,
      homeDir, packagedDir: join(programDir, 'content'), packagedPromptsDir: join(programDir, 'prompts'),
    },
  });
  return [...await tolerate('courses', () => checkCourses(resolver)), ...await tolerate('experts', () => checkExperts(resolver))];
}

async function checkCourses(resolver: ContentResolver): Promise<Check[]> {
  const { courses, chapters, problems } = await resolver.list();
  const broken = problems.slice(0, MOST_PROBLEMS).map(({ chapter_id: id, problem }) => warning('courses', `${id}: ${problem.message}`, FIX));
  return [fine('courses', `${chapters.length} chapters in ${courses.length} courses can be opened`), ...broken];
}

async function checkExperts(resolver: ContentResolver): Promise<Check[]> {
  const { trusted } = await resolver.checkSources({}, { hasToken: true });
  const { experts, diagnostics } = await loadRegistry((await resolver.findExperts(trusted)).packages);
  const problems = diagnostics.slice(0, MOST_PROBLEMS).map(({ expert_id: id, message, path }) => warning('experts', `${id}: ${message} (${path})`, FIX));
  return [fine('experts', [...experts.keys()].join(', ') || 'none'), ...problems];
}

/** A folder that is refused as a whole is told like any other problem. */
async function tolerate(name: string, look: () => Promise<Check[]>): Promise<Check[]> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof SidecarError)) throw error;
    return [warning(name, error.message, FIX)];
  }
}
