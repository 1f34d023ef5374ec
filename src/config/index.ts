export { systemClock, createIds, silentLog, type Clock, type Ids, type Log } from './runtime.ts';
export type { Config, ModelSettings, EndpointSettings, ProviderName } from './config.ts';
