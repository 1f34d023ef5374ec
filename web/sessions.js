// Choosing: the chapter for a new session, and the sessions there are.
import { sessionPath } from './api.js';
import { ask, button, byId, errorCallout, fill, formatTime, h } from './dom.js';

/** Fills the chapter picker, grouped by course. Resolves with the number of chapters. */
export async function loadChapters(api) {
  const picker = byId('chapter-picker');
  const [{ courses }, { chapters }] = await Promise.all([api.get('/api/courses'), api.get('/api/chapters')]);
  const inCourse = await Promise.all(courses.map(async (course) => ({ course, items: (await api.get(`/api/courses/${encodeURIComponent(course.course_id)}/chapters`)).chapters })));
  const grouped = new Set(inCourse.flatMap(({ items }) => items.map(({ chapter_id: id }) => id)));
  const option = ({ chapter_id: id, title }) => h('option', { value: id }, title);
  const all = [...inCourse.flatMap(({ items }) => items), ...chapters.filter(({ chapter_id: id }) => !grouped.has(id))];
  fill(picker, inCourse.map(({ course, items }) => h('optgroup', { label: course.title }, items.map(option))), chapters.filter(({ chapter_id: id }) => !grouped.has(id)).map(option));
  picker.disabled = all.length === 0;
  byId('start-session').disabled = picker.disabled;
  const describe = () => { byId('chapter-description').textContent = all.find(({ chapter_id: id }) => id === picker.value)?.description ?? ''; };
  picker.addEventListener('change', describe);
  describe();
  return all.length;
}

/** Shows the sessions, newest first. */
export async function drawSessions({ api, currentId, onOpen, onDeleted }) {
  const list = byId('sessions');
  try {
    const { sessions } = await api.get('/api/sessions?limit=50');
    fill(list, sessions.length === 0 ? h('li', { class: 'muted small' }, 'None yet.') : sessions.map((session) => h('li', { class: session.session_id === currentId ? 'current' : '' },
      h('button', { type: 'button', class: 'session', 'aria-current': session.session_id === currentId ? 'true' : null, onclick: () => onOpen(session.session_id) },
        h('span', {}, session.chapter_title || session.chapter_id), h('span', { class: 'muted small' }, describeSession(session))),
      button('×', () => void removeSession({ api, session, onDeleted }), { class: 'quiet small', 'aria-label': `Delete the session ${session.chapter_title}, ${formatTime(session.last_updated)}` }))));
    return sessions;
  } catch (error) {
    fill(list, h('li', {}, errorCallout(error)));
    return [];
  }
}

function describeSession({ turn_index: turns, last_updated: at, end_confirmed: isEnded, busy }) {
  const state = busy ? ', answering' : isEnded ? ', ended' : '';
  return `${turns} ${turns === 1 ? 'turn' : 'turns'}${state}, ${formatTime(at)}`;
}

async function removeSession({ api, session, onDeleted }) {
  if (await ask({ title: 'Delete this session?', text: 'Its conversation and its files are removed.', confirm: 'Delete', danger: true }) === null) return;
  try {
    await api.remove(sessionPath(session.session_id));
  } catch (error) {
    if (error.code !== 'SYNC_PENDING' && error.code !== 'SESSION_BUSY') {
      await ask({ title: 'It was not deleted', text: `${error.message} (${error.code})`, confirm: 'Close' });
      return;
    }
    if (await ask({ title: 'Delete all the same?', text: error.message, confirm: 'Delete', danger: true }) === null) return;
    await api.remove(`${sessionPath(session.session_id)}?force=true`);
  }
  onDeleted(session.session_id);
}
