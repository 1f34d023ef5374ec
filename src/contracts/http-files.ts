import * as z from 'zod';

const size = z.int().nonnegative();

export const WorkspaceAnswerSchema = z.object({
  chapter_id: z.string(), chapter_dir: z.string(), scripts_dir: z.string().nullable(), datasets_dir: z.string().nullable(),
  assets_dir: z.string().nullable(), starter_code: z.string().nullable(),
});
export type WorkspaceAnswer = z.infer<typeof WorkspaceAnswerSchema>;

export const FileSourceSchema = z.enum(['bundle', 'user']);
export const WorkspaceEntrySchema = z.object({ name: z.string(), size_bytes: size, modified_at: z.string(), source: FileSourceSchema });
export type WorkspaceEntry = z.infer<typeof WorkspaceEntrySchema>;
export const WorkspaceFilesQuerySchema = z.object({ prefix: z.string().optional() });
export const WorkspaceFilesSchema = z.object({ files: z.array(WorkspaceEntrySchema) });
/** A switch in a query: only `true` switches it on. */
const querySwitch = z.enum(['true', 'false']).optional().catch(undefined);
export const ReadFileQuerySchema = z.object({ raw: querySwitch });
export const DeleteFileQuerySchema = z.object({ recursive: querySwitch });
/** A write that shall only replace what the writer has seen. */
export const IfMatchHeadersSchema = z.object({ 'if-match': z.string().optional() });
export const EncodingSchema = z.enum(['utf-8', 'base64']);
export const FileContentSchema = z.object({ name: z.string(), content: z.string(), size_bytes: size, encoding: EncodingSchema });
export type FileContent = z.infer<typeof FileContentSchema>;
export const PutFileRequestSchema = z.object({ content: z.string(), encoding: EncodingSchema.default('utf-8') });
export type PutFileRequest = z.infer<typeof PutFileRequestSchema>;
export const MoveRequestSchema = z.object({ from: z.string(), to: z.string(), overwrite: z.boolean().default(false) });
export type MoveRequest = z.infer<typeof MoveRequestSchema>;

export const UploadedFileSchema = z.object({
  filename: z.string(), size, upload_time: z.number(), file_type: z.string(), origin: z.enum(['upload', 'bundle']),
});
export type UploadedFile = z.infer<typeof UploadedFileSchema>;
export const UploadAnswerSchema = z.object({ files: z.array(UploadedFileSchema), message: z.string() });
export const UploadListSchema = z.object({ files: z.array(UploadedFileSchema) });
export const DeleteUploadAnswerSchema = z.object({ success: z.literal(true), message: z.string() });
