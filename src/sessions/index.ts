export type { Sessions, SessionFiles, UploadPart } from './sessions-contract.ts';
