/** What came of some tests, in a form that travels between processes. */

export interface Skip {
  readonly title: string;
  readonly reason: string;
}

export interface Failure {
  readonly title: string;
  readonly message: string;
}

export interface Outcome {
  readonly passed: number;
  readonly failures: readonly Failure[];
  readonly skips: readonly Skip[];
}

export const NOTHING: Outcome = { passed: 0, failures: [], skips: [] };

export function failed(title: string, message: string): Outcome {
  return { passed: 0, failures: [{ title, message }], skips: [] };
}

export function combine(outcomes: readonly Outcome[]): Outcome {
  return {
    passed: outcomes.reduce((sum, outcome) => sum + outcome.passed, 0),
    failures: outcomes.flatMap((outcome) => outcome.failures),
    skips: outcomes.flatMap((outcome) => outcome.skips),
  };
}

/** The form of this line is relied on: `N passed, N failed, N skipped`. */
export function summaryLine(outcome: Outcome): string {
  return `${outcome.passed} passed, ${outcome.failures.length} failed, ${outcome.skips.length} skipped`;
}
