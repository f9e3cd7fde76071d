/** Component ids, `type[/name]`, and the kinds of components, in the Collector's words. */

export const SIGNALS = ["traces", "profiles"] as const;
export type Signal = (typeof SIGNALS)[number];

export const COMPONENT_KINDS = ["receivers", "processors", "exporters", "extensions"] as const;
export type ComponentKind = (typeof COMPONENT_KINDS)[number];

interface ComponentId {
  readonly type: string;
  readonly name: string | undefined;
}

/** undefined when it is no id. */
export function parseComponentId(text: string): ComponentId | undefined {
  const match = /^([a-z][a-z0-9_]*)(?:\/(\S(?:.*\S)?))?$/.exec(text);
  return match?.[1] === undefined ? undefined : { type: match[1], name: match[2] };
}
