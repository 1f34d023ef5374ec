import type { Clock, Ids } from '../../../config/index.ts';
import type { Channel } from './frame-codec.ts';
import type { JsonObject, JupyterMessage } from './jupyter-message.ts';

const PROTOCOL_VERSION = '5.4';

/** Makes requests of our own to kernels; `session` tells them from those of clients. */
export function createMessageMaker({ clock, ids }: { clock: Clock; ids: Ids }, session: string) {
  return (channel: Channel, type: string, content: JsonObject): JupyterMessage => ({
    channel,
    header: { msg_id: ids.uuid(), msg_type: type, session, username: 'sidecar', date: clock.now().toISOString(), version: PROTOCOL_VERSION },
    parent_header: {}, metadata: {}, content, buffers: [],
  });
}

export type MessageMaker = ReturnType<typeof createMessageMaker>;
