export interface OriginRuleOptions {
  mode: 'token' | 'desktop';
  allowedOrigins: readonly string[];
  desktopOrigins: readonly string[];
  /** Our own origins while the workbench is on. */
  ownOrigins: () => readonly string[];
}

/** True when the user agent is an Electron app: no page can set that header across origins, because no preflight grants it. */
export function isElectron(userAgent: string | undefined): boolean {
  return userAgent?.includes('Electron/') ?? false;
}

/** Decides whether an `Origin` may talk to us. Exact comparison; an absent origin is no browser's cross-site request. */
export function createOriginRule(options: OriginRuleOptions) {
  const allowed = new Set(options.allowedOrigins);
  const desktop = new Set(options.mode === 'desktop' ? options.desktopOrigins : []);
  const isDesktopOrigin = (origin: string, userAgent: string | undefined): boolean => desktop.has(origin) && isElectron(userAgent);
  return {
    allows: (origin: string | undefined, userAgent: string | undefined): boolean =>
      origin === undefined || allowed.has(origin) || options.ownOrigins().includes(origin) || isDesktopOrigin(origin, userAgent),
    isDesktopOrigin,
  };
}

export type OriginRule = ReturnType<typeof createOriginRule>;
