/** Makes a thing when it is first asked for, and keeps it: for what takes memory or time and may never be used. */
export function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
