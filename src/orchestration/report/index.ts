export { renderReport, type ReportSource } from './dynamic-report.ts';
export { renderErrorSummary } from './error-summary.ts';
export { finalFacts, renderFinalReport, type FinalFacts, type FinalSource } from './final-report.ts';
