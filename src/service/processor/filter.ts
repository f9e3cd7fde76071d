/** filter: drops the spans that match one of the conditions; a condition matches when all that it names does. */
import { z } from "zod";
import { StageAccount } from "../../mapping/account.ts";
import { type Span, SpanKind } from "../../mapping/span.ts";
import { Pattern, pattern } from "./pattern.ts";
import type { Processor } from "./processor.ts";

const KINDS = ["internal", "server", "client", "producer", "consumer"] as const;

const condition = z
  .strictObject({
    service: pattern.optional(),
    name: pattern.optional(),
    kind: z.enum(KINDS).optional(),
    attributes: z.record(z.string(), pattern).optional(),
    resource_attributes: z.record(z.string(), pattern).optional(),
  })
  .refine((fields) => Object.values(fields).some((field) => field !== undefined), {
    message: "a condition that names nothing would drop everything",
  });

export const filterSettings = z.strictObject({ exclude: z.array(condition).min(1) });

export type FilterSettings = z.output<typeof filterSettings>;

type Test = (span: Span) => boolean;

export class FilterProcessor implements Processor {
  readonly id: string;
  readonly account: StageAccount;
  readonly #conditions: readonly (readonly Test[])[];

  constructor(id: string, settings: FilterSettings) {
    this.id = id;
    this.account = new StageAccount(`processor/${id}`, "spans");
    this.#conditions = settings.exclude.map(testsOf);
  }

  process(spans: readonly Span[]): readonly Span[] {
    const kept = spans.filter((span) => !this.#conditions.some((tests) => tests.every((test) => test(span))));
    this.account.addIn(spans.length);
    this.account.addOut(kept.length);
    if (kept.length < spans.length) this.account.addConsumed("filtered", spans.length - kept.length);
    return kept;
  }
}

function testsOf(fields: FilterSettings["exclude"][number]): Test[] {
  const tests: Test[] = [];
  if (fields.kind !== undefined) {
    const kind = SpanKind[fields.kind];
    tests.push((span) => span.kind === kind);
  }
  if (fields.name !== undefined) {
    const name = new Pattern(fields.name);
    tests.push((span) => name.matches(span.name));
  }
  const service = fields.service === undefined ? {} : { "service.name": fields.service };
  for (const [key, text] of Object.entries({ ...fields.resource_attributes, ...service })) {
    const value = new Pattern(text);
    tests.push((span) => span.resource.attributes.some((each) => each[0] === key && value.matches(String(each[1]))));
  }
  for (const [key, text] of Object.entries(fields.attributes ?? {})) {
    const value = new Pattern(text);
    tests.push((span) => span.attributes.some((each) => each[0] === key && value.matches(String(each[1]))));
  }
  return tests;
}
