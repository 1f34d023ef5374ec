import { SidecarError } from '../contracts/index.ts';
import type { BackendRow } from '../store/index.ts';
import type { SessionsContext } from './session-context.ts';

/** A backend that may be used; `url` has no trailing slash. */
export interface BackendAddress { origin: string; url: string }

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** Reads a backend address: https, or http on this machine, without user info, in the list when there is one. Blank = none. */
export function readBackendUrl(text: string | undefined, allowed: readonly string[] | null): BackendAddress | null {
  const given = text?.trim() ?? '';
  if (given === '') return null;
  const url = URL.parse(given);
  if (url === null) throw notAllowed('not a URL');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.has(url.hostname))) throw notAllowed('scheme or host');
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') throw notAllowed('user info, query or fragment');
  if (allowed !== null && !allowed.includes(url.origin)) throw notAllowed('origin is not in the list');
  return { origin: url.origin, url: url.origin + url.pathname.replace(/\/+$/, '') };
}

function notAllowed(reason: string): SidecarError {
  return new SidecarError('BACKEND_URL_NOT_ALLOWED', `backend_url: ${reason}`, {
    detail: { en: 'https is required, or http on this computer', zh: '须为 https，或本机的 http 地址' },
  });
}

/** The row of a session's first backend. It waits until a token was seen. */
export function firstBackend(sessionId: string, address: BackendAddress, hasToken: boolean): BackendRow {
  return { session_id: sessionId, origin: address.origin, url: address.url, bid: null, paused: hasToken ? null : 'token' };
}

/** What a reattach's address and token did. `isFirst`: the session had no backend before. */
export interface BackendChange { changed: boolean; isFirst: boolean }

/**
 * Takes the newer address and token of a session. An address of another origin never replaces the stored one: its token is not
 * taken either, since it would be sent to the wrong place, and sync pauses.
 */
export function takeBackend(
  context: SessionsContext, sessionId: string, offered: { address: BackendAddress | null; token: string | null },
): BackendChange {
  const { store } = context;
  const stored = store.backends.get(sessionId);
  const { address, token } = offered;
  if (stored === null) {
    if (address === null) return { changed: false, isFirst: false };
    keepFirst(context, sessionId, { address, token });
    return { changed: true, isFirst: true };
  }
  if (address !== null && address.origin !== stored.origin) {
    if (stored.paused !== 'backend_changed') store.backends.pause({ sessionId }, 'backend_changed');
    return { changed: stored.paused !== 'backend_changed', isFirst: false };
  }
  const isBack = address !== null && stored.paused === 'backend_changed';
  const hasMoved = address !== null && address.url !== stored.url;
  if (isBack || hasMoved) store.backends.put({ ...stored, url: address.url, paused: isBack ? 'token' : stored.paused });
  const tookToken = token !== null && context.syncTokens.setToken(sessionId, token) !== false;
  return { changed: isBack || hasMoved || tookToken, isFirst: false };
}

function keepFirst(context: SessionsContext, sessionId: string, offered: { address: BackendAddress; token: string | null }): void {
  const { store } = context;
  store.transaction(() => {
    store.backends.put(firstBackend(sessionId, offered.address, offered.token !== null));
    const row = store.sessions.get(sessionId);
    // An address is no use of the session, so the time of its last use stays.
    if (row !== null) store.sessions.update(sessionId, { backend_url: offered.address.url }, row.last_updated);
  });
  if (offered.token !== null) context.syncTokens.setToken(sessionId, offered.token);
}
