/** Headers of every answer, whoever gives it. */
export const COMMON_HEADERS = {
  'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
} as const;
