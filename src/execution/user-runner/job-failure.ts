import * as z from 'zod';
import { CATALOGUE, SidecarError } from '../../contracts/index.ts';
import type { ErrorCode, SidecarErrorOptions } from '../../contracts/index.ts';

/** Why a job has no result, as it lies in the store in its place. */
export interface KeptFailure { failure: { code: ErrorCode; detail?: NonNullable<SidecarErrorOptions['detail']> } }

const KeptFailureSchema = z.object({
  failure: z.object({
    code: z.string().refine((code): code is ErrorCode => Object.hasOwn(CATALOGUE, code)),
    detail: z.union([z.string(), z.object({ en: z.string().optional(), zh: z.string().optional() })]).optional(),
  }),
});

/** What is stored of an error. */
export function keepFailure({ code, detail }: SidecarError): KeptFailure {
  return { failure: { code, ...(detail === undefined ? {} : { detail }) } };
}

/** The stored error; INTERNAL where there is none. */
export function readFailure(stored: unknown): SidecarError {
  const { data } = KeptFailureSchema.safeParse(stored);
  const { code, detail } = data?.failure ?? { code: 'INTERNAL' as const, detail: undefined };
  return new SidecarError(code, 'the job ended without a result', detail === undefined ? {} : { detail });
}
