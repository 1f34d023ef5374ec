export const program: string;
export function buildIfStale(): void;
