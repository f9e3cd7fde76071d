/** What the service knows of a kind of component before it makes one: enough for `validate` and `components`. */
import type { z } from "zod";
import type { ComponentKind, Signal } from "./component-id.ts";

const STABILITIES = ["development", "alpha", "beta", "stable"] as const;
type Stability = (typeof STABILITIES)[number];

export interface ComponentType {
  readonly kind: ComponentKind;
  readonly type: string;
  /** Older names that mean the same. */
  readonly aliases: readonly string[];
  /** Empty for extensions. */
  readonly signals: readonly Signal[];
  readonly stability: Stability;
  readonly schema: z.ZodType;
}

/** All that this build has. */
export class ComponentCatalog {
  readonly types: readonly ComponentType[];

  constructor(types: readonly ComponentType[]) {
    this.types = types;
  }

  find(kind: ComponentKind, type: string): ComponentType | undefined {
    return this.types.find((each) => each.kind === kind && (each.type === type || each.aliases.includes(type)));
  }

  names(kind: ComponentKind): string[] {
    return this.types.filter((each) => each.kind === kind).map((each) => each.type);
  }

  /** Other kinds that have this type: `debug` is no receiver, but an exporter. */
  kindsOf(type: string): ComponentKind[] {
    return this.types.filter((each) => each.type === type || each.aliases.includes(type)).map((each) => each.kind);
  }
}
