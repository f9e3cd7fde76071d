/** redaction: removes attributes that are not allowed and masks values, with the words of the Collector's processor. */
import { z } from "zod";
import { StageAccount } from "../../mapping/account.ts";
import type { Attribute, AttributeValue, Resource, Span } from "../../mapping/span.ts";
import { Pattern, pattern } from "./pattern.ts";
import type { Processor } from "./processor.ts";

const MASK = "****";

export const redactionSettings = z.strictObject({
  /** False: only allowed_keys stay. */
  allow_all_keys: z.boolean().default(false),
  allowed_keys: z.array(z.string()).default([]),
  /** Values of keys that match are masked as a whole. */
  blocked_key_patterns: z.array(pattern).default([]),
  /** What matches in a value is masked. */
  blocked_values: z.array(pattern).default([]),
});

export type RedactionSettings = z.output<typeof redactionSettings>;

export class RedactionProcessor implements Processor {
  readonly id: string;
  readonly account: StageAccount;
  readonly #allowed: ReadonlySet<string> | undefined;
  readonly #keys: readonly Pattern[];
  readonly #values: readonly Pattern[];
  /** One copy per resource: exporters group spans by its identity. */
  readonly #resources = new WeakMap<Resource, Resource>();

  constructor(id: string, settings: RedactionSettings) {
    this.id = id;
    this.account = new StageAccount(`processor/${id}`, "spans");
    this.#allowed = settings.allow_all_keys ? undefined : new Set(settings.allowed_keys);
    this.#keys = settings.blocked_key_patterns.map((text) => new Pattern(text));
    this.#values = settings.blocked_values.map((text) => new Pattern(text));
  }

  process(spans: readonly Span[]): readonly Span[] {
    this.account.addIn(spans.length);
    this.account.addOut(spans.length);
    return spans.map((span) => ({
      ...span,
      attributes: this.#redact(span.attributes),
      events: span.events.map((event) => ({ ...event, attributes: this.#redact(event.attributes) })),
      links: span.links.map((link) => ({ ...link, attributes: this.#redact(link.attributes) })),
      resource: this.#resource(span.resource),
    }));
  }

  #resource(resource: Resource): Resource {
    let redacted = this.#resources.get(resource);
    if (redacted === undefined) {
      redacted = { attributes: this.#redact(resource.attributes) };
      this.#resources.set(resource, redacted);
    }
    return redacted;
  }

  #redact(attributes: readonly Attribute[]): readonly Attribute[] {
    const allowed = this.#allowed;
    const kept = allowed === undefined ? attributes : attributes.filter(([key]) => allowed.has(key));
    return kept.map(([key, value]): Attribute => [key, this.#mask(key, value)]);
  }

  #mask(key: string, value: AttributeValue): AttributeValue {
    if (this.#keys.some((each) => each.matches(key))) return MASK;
    if (typeof value === "string") return this.#maskText(value);
    if (Array.isArray(value)) return value.map((item) => this.#maskText(String(item)));
    const text = String(value);
    const masked = this.#maskText(text);
    return masked === text ? value : masked;
  }

  #maskText(text: string): string {
    return this.#values.reduce((masked, each) => each.replaceAll(masked, MASK), text);
  }
}
