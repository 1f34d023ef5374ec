/** Additive features that a client may look for before it uses them. */
export const FEATURES = ['resume', 'client_turn_id', 'skip_task', 'usage', 'workspace', 'uploads', 'backend_sync', 'offline_tutor', 'code', 'code_jobs', 'executions', 'experts', 'notebooks', 'jupyter'] as const;
