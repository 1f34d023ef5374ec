import type { ExpertRunner } from '../execution/expert-runner/index.ts';

/** Whether the expert lane can run, as last heard. Until the first answer it counts as able, since every call asks again. */
export class LaneStatus {
  private readonly runner: Pick<ExpertRunner, 'refusal'> | null;
  private known: boolean | null = null;

  constructor(runner: Pick<ExpertRunner, 'refusal'> | null) {
    this.runner = runner;
  }

  get isAvailable(): boolean {
    return this.runner !== null && this.known !== false;
  }

  /** Asks and remembers. Never rejects: a lane that cannot say is not there. */
  async ask(): Promise<boolean> {
    if (this.runner === null) return false;
    this.known = await this.runner.refusal().then((reason) => reason === null, () => false);
    return this.known;
  }
}
