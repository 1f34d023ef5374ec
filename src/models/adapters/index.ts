import type { ModelAdapter } from '../adapter-port.ts';

/** Loads the library at the first call: a start needs none of it, and an offline process never does. */
export async function loadSdkAdapter(): Promise<ModelAdapter> {
  const { createSdkAdapter } = await import('./sdk-adapter.ts');
  return createSdkAdapter();
}
