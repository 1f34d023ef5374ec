/** What a code means on the wire. `status` null = the code occurs only inside a stream. */
interface CatalogueEntry { status: number | null; retryable: boolean; zh: string; en: string }

const entry = (status: number | null, retryable: boolean, texts: readonly [en: string, zh: string]): CatalogueEntry =>
  ({ status, retryable, en: texts[0], zh: texts[1] });

/** Every code of the HTTP contract with the text that people read. The source of `docs/errors.md`. */
export const CATALOGUE = {
  INVALID_JSON: entry(400, false, ['the request body is not valid JSON', '请求内容不是有效的 JSON']),
  CHAPTER_ID_INVALID: entry(400, false, ['invalid chapter_id', 'invalid chapter_id：章节编号不合法']),
  SESSION_ID_INVALID: entry(400, false, ['invalid session_id', '会话编号不合法']),
  INVALID_PATH: entry(400, false, ['this file path is not allowed', '文件路径不合法']),
  FILE_TYPE_NOT_ALLOWED: entry(400, false, ['this type of file is not accepted', '不支持这种文件类型']),
  FILE_TOO_LARGE: entry(400, false, ['the file is too large', '文件太大']),
  TOO_MANY_FILES: entry(400, false, ['too many files in one request', '一次上传的文件太多']),
  BUNDLE_PATH_NOT_ALLOWED: entry(400, false, ['this content folder is not trusted', '不允许使用该内容目录']),
  BACKEND_URL_NOT_ALLOWED: entry(400, false, ['this backend address is not allowed', '不允许使用该后端地址']),
  BAD_REQUEST: entry(400, false, ['the request is malformed', '请求格式不正确']),
  TOKEN_REQUIRED: entry(401, false, ['a valid token is required', '需要有效的访问令牌']),
  HOST_NOT_ALLOWED: entry(403, false, ['this Host header is not allowed', '不允许的 Host']),
  ORIGIN_NOT_ALLOWED: entry(403, false, ['this Origin is not allowed', '不允许的来源']),
  NOT_FOUND: entry(404, false, ['there is no such route', '没有这个接口']),
  SESSION_NOT_FOUND: entry(404, false, ['the session does not exist', '会话不存在']),
  CHAPTER_NOT_FOUND: entry(404, false, ['the chapter was not found', '没有找到这一章']),
  COURSE_NOT_FOUND: entry(404, false, ['the course was not found', '没有找到这门课程']),
  TASK_NOT_FOUND: entry(404, false, ['the task does not exist', '任务不存在']),
  FILE_NOT_FOUND: entry(404, false, ['the file does not exist', '文件不存在']),
  JOB_NOT_FOUND: entry(404, false, ['the job does not exist', '作业不存在']),
  EXECUTION_NOT_FOUND: entry(404, false, ['the execution does not exist', '运行记录不存在']),
  EXPERT_REPORT_NOT_FOUND: entry(404, false, ['the expert report does not exist', '专家报告不存在']),
  KERNEL_NOT_FOUND: entry(404, false, ['the kernel does not exist', '内核不存在']),
  METHOD_NOT_ALLOWED: entry(405, false, ['this method is not allowed here', '此接口不支持该方法']),
  PRECONDITION_FAILED: entry(412, false, ['the file has changed in the meantime', '文件已被修改']),
  PAYLOAD_TOO_LARGE: entry(413, false, ['the request is too large', '请求内容太大']),
  UNSUPPORTED_MEDIA_TYPE: entry(415, false, ['this content type is not supported', '不支持的内容类型']),
  SESSION_BUSY: entry(409, true, ['the last message is still being answered', '上一条消息还在回答中']),
  SESSION_EXISTS: entry(409, false, ['a session with this id exists already', '会话已存在']),
  TASK_ALREADY_DONE: entry(409, false, ['the task is already done or skipped', '任务已完成或已跳过']),
  KERNEL_BUSY: entry(409, true, ['the kernel is busy', '内核正在运行']),
  QUOTA_EXCEEDED: entry(409, false, ['the storage limit of this session is reached', '已达到本会话的存储上限']),
  DIRECTORY_NOT_EMPTY: entry(409, false, ['the folder is not empty', '文件夹不为空']),
  SESSION_ENDED: entry(409, false, ['the session has ended', '会话已结束']),
  SYNC_PENDING: entry(409, true, ['some turns have not reached the backend yet', '还有内容没有同步到后端']),
  FILE_EXISTS: entry(409, false, ['a file with this name exists already', '同名文件已存在']),
  VALIDATION_FAILED: entry(422, false, ['a field of the request is wrong', '请求字段不正确']),
  MESSAGE_EMPTY: entry(422, false, ['the message is empty', '消息不能为空']),
  MESSAGE_TOO_LONG: entry(422, false, ['the message is too long', '消息太长']),
  INVALID_SKIP_REASON: entry(422, false, ['this reason for skipping is unknown', '跳过原因不合法']),
  SKIP_REASON_TEXT_REQUIRED: entry(422, false, ['please say why', '请填写跳过原因']),
  CHAPTER_INVALID: entry(422, false, ['the chapter is incomplete or damaged', '章节内容不完整或已损坏']),
  CHAPTER_AMBIGUOUS: entry(422, false, ['several courses have this chapter', '多门课程都有这一章']),
  TASK_LIST_EMPTY: entry(422, false, ['the chapter has no required task', '章节中没有必做任务']),
  TASK_ID_DUPLICATE: entry(422, false, ['the chapter repeats a task id', '章节中的任务编号重复']),
  CONTENT_CORRUPT: entry(422, false, ['the content differs from its manifest', '内容与清单不一致']),
  NOTEBOOK_INVALID: entry(422, false, ['the notebook is not valid', '笔记本文件不合法']),
  RATE_LIMITED: entry(429, true, ['too many requests, please wait a moment', '请求太频繁，请稍候']),
  QUEUE_FULL: entry(429, true, ['too many runs are waiting', '等待运行的任务太多']),
  TOO_MANY_SUBSCRIBERS: entry(429, true, ['too many listeners on this session', '该会话的监听连接太多']),
  INTERNAL: entry(500, true, ['something went wrong inside', '内部错误']),
  STORAGE_FAILED: entry(500, true, ['the data could not be written', '数据写入失败']),
  STORAGE_FULL: entry(507, false, ['the disk is full', '磁盘空间不足']),
  SHUTTING_DOWN: entry(503, true, ['the program is stopping', '程序正在停止']),
  EXECUTION_UNAVAILABLE: entry(503, false, ['there is no Python runtime to run code', '没有可用的 Python 运行环境']),
  LANE_REFUSED: entry(503, false, ['code cannot be run safely enough here', '无法在此安全地运行代码']),

  TURN_DEADLINE: entry(null, true, ['the answer took too long', '回答超时']),
  LLM_TRANSPORT: entry(null, true, ['the model could not be reached', '无法连接到模型服务']),
  LLM_RATE_LIMIT: entry(null, true, ['the model provider limits requests, please wait', '模型服务限流，请稍后再试']),
  LLM_AUTH: entry(null, false, ['the model key was refused, check LLM_API_KEY', '模型密钥被拒绝，请检查 LLM_API_KEY']),
  LLM_NOT_CONFIGURED: entry(null, false, ['the model is only half configured', '模型配置不完整']),
  LLM_NOT_FOUND: entry(null, false, ['the model or address is unknown, check LLM_MODEL and LLM_BASE_URL', '找不到模型，请检查 LLM_MODEL 与 LLM_BASE_URL']),
  LLM_TIMEOUT: entry(null, true, ['the model did not answer in time', '模型没有及时回答']),
  LLM_LENGTH: entry(null, true, ['the answer was cut by its length limit', '回答因长度限制被截断']),
  LLM_CONTENT_FILTER: entry(null, false, ['the model provider refused this content', '模型服务拒绝了该内容']),
  LLM_EMPTY_REPLY: entry(null, true, ['the model sent an empty answer', '模型返回了空回答']),
  LLM_BAD_REQUEST: entry(null, false, ['the model provider refused the request', '模型服务拒绝了请求']),
  LLM_CONTEXT_OVERFLOW: entry(null, false, ['the conversation is too long for this model', '对话长度超出模型上限']),
  LLM_CONTEXT_TRUNCATED: entry(null, false, ['the model cuts its input silently', '模型静默截断了输入']),
  LLM_BUDGET: entry(null, false, ['the token limit is reached', '已达到用量上限']),
  MODEL_ERROR: entry(null, true, ['the expert could not be reached', '无法连接到专家']),
  DEADLINE: entry(null, true, ['the expert took too long', '专家回答超时']),
  BUDGET: entry(null, false, ['the expert used up its budget', '专家用量已达上限']),
  LANE_UNAVAILABLE: entry(null, false, ['the expert cannot run code here', '专家无法在此运行代码']),
  NO_RESULT: entry(null, true, ['the expert came to no result', '专家没有得出结果']),
  INVALID_OUTPUT: entry(null, true, ['the expert gave an unusable answer', '专家的回答不可用']),
  ABORTED: entry(null, true, ['the consultation was stopped', '咨询已停止']),
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof CATALOGUE;
export type Language = 'zh' | 'en';

/** Notices say that something was degraded and nothing was lost. */
export const NOTICES = {
  planner_degraded: ['planning failed, the last plan is kept', '规划失败，继续使用原计划'],
  memo_degraded: ['the notes of this turn could not be made', '本轮笔记生成失败'],
  memo_late: ['the notes of this turn follow later', '本轮笔记稍后更新'],
  record_defaulted: ['the record of this turn is incomplete', '本轮记录不完整'],
  reply_truncated: ['the answer was cut by its length limit', '回答因长度限制被截断'],
  context_truncated: ['the model cuts its input silently', '模型静默截断了输入'],
  solution_withheld: ['a full solution was withheld', '已隐藏完整答案'],
  model_retry: ['the model is asked again', '正在重新请求模型'],
  model_fallback: ['another model answers', '已切换到备用模型'],
  offline_tutor: ['this is the built-in offline tutor, not a language model', '这是内置离线助教，不是语言模型'],
} as const satisfies Record<string, readonly [en: string, zh: string]>;
export type NoticeCode = keyof typeof NOTICES;

/** The sentence of a code in a language. */
export function sentenceFor(code: ErrorCode, language: Language): string {
  return CATALOGUE[code][language];
}

/** The sentence of a notice in a language. */
export function noticeFor(code: NoticeCode, language: Language): string {
  return NOTICES[code][language === 'zh' ? 1 : 0];
}

/** `zh-Hans` and the like read `zh`; everything else reads `en`. */
export function languageOf(tag: string): Language {
  return tag.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}
