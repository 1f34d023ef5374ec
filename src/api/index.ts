export { createServer, type ApiServer } from './server.ts';
export type { ApiDeps, CourseCatalogue, ServiceReport } from './api-contract.ts';
export { describeContract } from './routes/service-routes.ts';
export { createOpenApi } from './openapi.ts';
export { FEATURES } from './features.ts';
