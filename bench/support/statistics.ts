/** Order statistics of a series of numbers. */
export interface Series { count: number; min: number; p50: number; p90: number; p99: number; max: number }

/** Summarises measured values; all in the unit they came in. */
export function summarize(values: readonly number[]): Series {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  const round = (value: number): number => Math.round(value * 100) / 100;
  return { count: sorted.length, min: round(at(0.0001)), p50: round(at(0.5)), p90: round(at(0.9)), p99: round(at(0.99)), max: round(at(1)) };
}

/** One line of a result table. */
export interface Row {
  what: string;
  unit: string;
  measured: number;
  target: number;
  /** The predecessor's figure, or another peer's measured in the same run. */
  peer: { name: string; value: number } | null;
  detail: unknown;
}

/** The rows as a Markdown table; the ratio is peer ÷ ours. */
export function toTable(rows: readonly Row[]): string {
  const line = ({ what, unit, measured, target, peer }: Row): string => {
    const ratio = peer === null || measured === 0 ? '–' : `${(peer.value / measured).toFixed(1)} ×`;
    return `| ${what} | ${measured} ${unit} | ≤ ${target} ${unit} | ${measured <= target ? 'yes' : '**no**'} | ${peer === null ? '–' : `${peer.value} ${unit} (${peer.name})`} | ${ratio} |`;
  };
  return ['| what | measured | to reach | reached | peer | ratio |', '|---|---|---|---|---|---|', ...rows.map(line)].join('\n');
}
