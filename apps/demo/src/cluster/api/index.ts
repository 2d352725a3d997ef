export type { AdmissionOptions } from './admission.ts';
export { apiServiceName, statusOf, type ApiErrorCode, type LeaderPlace } from './errors.ts';
export type { KeyValueRaft } from './keys.ts';
export { defaultApiLimits, type ApiLimits } from './limits.ts';
export type { MetricsText, NodeFigures } from './node.ts';
export { KeyValueApi, serveKeyValueApi, type KeyValueApiOptions } from './server.ts';
export { apiRoles, type ApiRole, type ApiToken } from './tokens.ts';
export { requestHeader } from './web-pages.ts';
