import * as z from 'zod';

/** Windows device names; refused as a path segment and as a session id on every platform. */
export const DEVICE_NAME = /^(con|prn|aux|nul|conin\$|conout\$|com[1-9¹²³]|lpt[1-9¹²³])(\..*)?$/i;

export const SESSION_ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
export const TASK_ID_PATTERN = /^[A-Za-z][A-Za-z0-9_-]{1,63}$/;
export const EXPERT_ID_PATTERN = /^[a-z][a-z0-9_-]{1,63}$/;
export const CONSULTATION_ID_PATTERN = /^consult_\d{4,}$/;
export const REPORT_ID_PATTERN = /^report_\d{4,}_\d{2,}$/;

export const SessionIdSchema = z.string().regex(SESSION_ID_PATTERN);
export const TaskIdSchema = z.string().regex(TASK_ID_PATTERN);
export const ExpertIdSchema = z.string().regex(EXPERT_ID_PATTERN);

/** Prefixes of the ids that we mint: sortable by time, unguessable in the tail. */
export type IdPrefix = 'trn_' | 'exe_' | 'job_' | 'req_';
