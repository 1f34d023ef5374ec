import { type ReportNotes, clipCodePoints } from '../../contracts/index.ts';
import { isCleanText } from './fold-text.ts';
import { PROPOSAL_LIMITS, type ReportNotesProposal } from './proposals.ts';

/** The page shows the last 3 turns; some more are kept, so that late memos find their place. */
const ACTIVITIES = 6;

/** Notes a turn by a line from its record, unless the memo agent has told it already. A blank line changes nothing. */
export function noteTurn(notes: ReportNotes, turnIndex: number, line: string): ReportNotes {
  const activity = clean(line, PROPOSAL_LIMITS.report_item);
  if (activity === '' || notes.activities.some((known) => known.turn_index === turnIndex)) return notes;
  return { ...notes, activities: placeActivity(notes.activities, { turn_index: turnIndex, activity, points: [] }) };
}

/** Takes in the memo agent's notes; empty parts leave what is known as it is. */
export function takeReportNotes(notes: ReportNotes, proposal: ReportNotesProposal, turnIndex: number): ReportNotes {
  const activity = clean(proposal.activity, PROPOSAL_LIMITS.report_item);
  const points = cleanAll(proposal.points, PROPOSAL_LIMITS.report_points);
  const known = notes.activities.find((item) => item.turn_index === turnIndex);
  const told = { turn_index: turnIndex, activity: activity || (known?.activity ?? ''), points: points.length > 0 ? points : (known?.points ?? []) };
  return {
    activities: told.activity === '' && told.points.length === 0 ? notes.activities : placeActivity(notes.activities, told),
    solid: preferNew(cleanAll(proposal.solid, PROPOSAL_LIMITS.report_list), notes.solid),
    needs_support: preferNew(cleanAll(proposal.needs_support, PROPOSAL_LIMITS.report_list), notes.needs_support),
    next_step: clean(proposal.next_step, PROPOSAL_LIMITS.next_step) || notes.next_step,
  };
}

function placeActivity(activities: ReportNotes['activities'], told: ReportNotes['activities'][number]): ReportNotes['activities'] {
  return [...activities.filter((item) => item.turn_index !== told.turn_index), told]
    .toSorted((one, other) => one.turn_index - other.turn_index).slice(-ACTIVITIES);
}

function preferNew(items: string[], known: string[]): string[] {
  return items.length > 0 ? items : known;
}

function cleanAll(items: readonly string[], limit: number): string[] {
  return items.map((item) => clean(item, PROPOSAL_LIMITS.report_item)).filter((item) => item !== '').slice(0, limit);
}

function clean(text: string, limit: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return isCleanText(text) ? clipCodePoints(line, limit) : '';
}
