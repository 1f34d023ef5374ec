export { createOfflineTutor } from './offline-tutor.ts';
