/** How the program ends. */
export const EXIT = {
  ok: 0,
  /** A check found problems. */
  problems: 1,
  /** Wrong usage or a setting that cannot be used. */
  usage: 2,
  portInUse: 3,
  storeLocked: 4,
  storeTooNew: 5,
  damagedBundle: 6,
  internal: 70,
} as const;
