/** A backend that may be used: its origin, and its address without a trailing slash. */
export interface BackendAddress { origin: string; url: string }

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Checked again at every call, because the allowed origins may have changed since the address was stored. Accepts https, or http on loopback, without user info, query or fragment, in `allowedOrigins` when those are set; else null. */
export function tryParseBackendUrl(text: string, allowedOrigins: readonly string[] | null): BackendAddress | null {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return null;
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname));
  if (!isSafe || (allowedOrigins !== null && !allowedOrigins.includes(url.origin))) return null;
  return { origin: url.origin, url: url.origin + url.pathname.replace(/\/+$/, '') };
}
