/** A merged tree to a Config, with all its problems at once. */

import { resolve } from "node:path";
import { COMPONENT_KINDS, type ComponentKind, parseComponentId, SIGNALS, type Signal } from "../component-id.ts";
import type { ComponentCatalog, ComponentType } from "../component-type.ts";
import { checkSchema } from "./check-schema.ts";
import type { ComponentConfig, Config, PipelineConfig } from "./config.ts";
import { childAt, keyPositionAt, type Located, type Path, positionAt, toPlain } from "./located.ts";
import { type Problem, ProblemCode } from "./problem.ts";
import {
  type PipelineSettings,
  pipelineSchema,
  type ServiceSettings,
  serviceSchema,
  telemetryConfig,
} from "./service-schema.ts";
import { nearest } from "./suggest.ts";

interface Validation {
  /** undefined where there are problems. */
  readonly config: Config | undefined;
  readonly problems: readonly Problem[];
  /** Defined and in no pipeline, and the like. */
  readonly warnings: readonly string[];
}

export function validate(root: Located, catalog: ComponentCatalog): Validation {
  return new Validator(root, catalog).run();
}

type Components = Map<string, ComponentConfig>;

/** Extensions that keep queues. */
const STORAGES: readonly string[] = ["file_storage"];

interface StoredSettings {
  readonly sending_queue?: { readonly storage?: string };
}

class Validator {
  readonly #root: Located;
  readonly #catalog: ComponentCatalog;
  readonly #problems: Problem[] = [];
  readonly #warnings: string[] = [];

  constructor(root: Located, catalog: ComponentCatalog) {
    this.#root = root;
    this.#catalog = catalog;
  }

  run(): Validation {
    this.#checkSections();
    const components = new Map(COMPONENT_KINDS.map((kind) => [kind, this.#components(kind)]));
    const service = checkSchema(serviceSchema, this.#root, ["service"], this.#problems)?.value as
      | ServiceSettings
      | undefined;
    const of = (kind: ComponentKind): Components => components.get(kind) ?? new Map();
    const pipelines = this.#pipelines(of);
    const enabledExtensions = service?.extensions ?? this.#extensionIds();
    enabledExtensions.forEach((id, index) => {
      this.#checkReference("extensions", id, ["service", "extensions", index]);
    });
    this.#checkFiles(of("exporters"));
    this.#checkStorages(of("exporters"), of("extensions"), enabledExtensions);
    this.#warnUnused(of, pipelines, enabledExtensions);
    const result = { problems: this.#problems, warnings: this.#warnings };
    if (service === undefined || this.#problems.length > 0) return { ...result, config: undefined };
    return {
      ...result,
      config: {
        receivers: of("receivers"),
        processors: of("processors"),
        exporters: of("exporters"),
        extensions: of("extensions"),
        pipelines,
        enabledExtensions,
        telemetry: telemetryConfig(service.telemetry),
        source: toPlain(this.#root),
      },
    };
  }

  #report(code: ProblemCode, path: Path, message: string, suggestion?: string): void {
    const isKey = code === ProblemCode.unknownKey || code === ProblemCode.unknownComponent;
    const position = isKey ? keyPositionAt(this.#root, path) : positionAt(this.#root, path);
    this.#problems.push({ code, path, position, message, suggestion });
  }

  #checkSections(): void {
    const known: string[] = [...COMPONENT_KINDS, "service"];
    if (this.#root.kind !== "map") {
      this.#report(ProblemCode.badValue, [], `the configuration is no map; its sections are ${known.join(", ")}`);
      return;
    }
    for (const key of this.#root.entries.keys()) {
      if (known.includes(key)) continue;
      const message = key === "connectors" ? "there are no connectors in sockspan" : `unknown key "${key}"`;
      this.#report(ProblemCode.unknownKey, [key], message, nearest(key, known));
    }
  }

  #components(kind: ComponentKind): Components {
    const found: Components = new Map();
    const section = childAt(this.#root, [kind]);
    if (section === undefined || (section.kind === "scalar" && section.value === null)) return found;
    if (section.kind !== "map") {
      this.#report(ProblemCode.badValue, [kind], `is not a map of ${kind}`);
      return found;
    }
    for (const id of section.entries.keys()) {
      const type = this.#componentType(kind, id);
      if (type === undefined) continue;
      const checked = checkSchema(type.schema, this.#root, [kind, id], this.#problems);
      found.set(id, { id, type: type.type, settings: checked?.value });
    }
    return found;
  }

  #componentType(kind: ComponentKind, id: string): ComponentType | undefined {
    const parsed = parseComponentId(id);
    if (parsed === undefined) {
      this.#report(ProblemCode.unknownComponent, [kind, id], `"${id}" is no component id, write type or type/name`);
      return undefined;
    }
    const type = this.#catalog.find(kind, parsed.type);
    if (type !== undefined) return type;
    const singular = (each: ComponentKind) => each.slice(0, -1);
    const elsewhere = this.#catalog.kindsOf(parsed.type)[0];
    const message =
      elsewhere === undefined
        ? `there is no ${singular(kind)} "${parsed.type}"`
        : `"${parsed.type}" belongs under ${elsewhere}, it is no ${singular(kind)}`;
    this.#report(ProblemCode.unknownComponent, [kind, id], message, nearest(parsed.type, this.#catalog.names(kind)));
    return undefined;
  }

  /** What can be read of them where something else of the service is wrong. */
  #extensionIds(): string[] {
    const listed = childAt(this.#root, ["service", "extensions"]);
    return listed?.kind === "list"
      ? listed.items.flatMap((item) => (item.kind === "scalar" && typeof item.value === "string" ? [item.value] : []))
      : [];
  }

  #pipelines(of: (kind: ComponentKind) => Components): PipelineConfig[] {
    const found: PipelineConfig[] = [];
    const section = childAt(this.#root, ["service", "pipelines"]);
    // Anything else is no map, and the schema has said so.
    if (section?.kind !== "map") return found;
    const ids = [...section.entries.keys()];
    if (ids.length === 0) this.#report(ProblemCode.pipeline, ["service", "pipelines"], "no pipeline is defined");
    for (const id of ids) {
      const path = ["service", "pipelines", id];
      const signal = SIGNALS.find((each) => each === parseComponentId(id)?.type);
      if (signal === undefined) {
        const message = `"${id}" is no pipeline of sockspan: ${SIGNALS.join(", ")}, with /name where there are more`;
        this.#report(ProblemCode.unknownComponent, path, message, nearest(id.split("/")[0] ?? "", SIGNALS));
        continue;
      }
      const checked = checkSchema(pipelineSchema, this.#root, path, this.#problems);
      if (checked === undefined) continue;
      const settings = checked.value as PipelineSettings;
      for (const kind of ["receivers", "processors", "exporters"] as const) {
        if (kind !== "processors" && settings[kind].length === 0) {
          this.#report(ProblemCode.pipeline, [...path, kind], `a pipeline needs at least one of ${kind}`);
        }
        this.#checkReferences(kind, settings[kind], [...path, kind], signal, of(kind));
      }
      found.push({ id, signal, ...settings });
    }
    return found;
  }

  #checkReferences(kind: ComponentKind, ids: readonly string[], path: Path, signal: Signal, defined: Components): void {
    ids.forEach((id, index) => {
      const at = [...path, index];
      if (ids.indexOf(id) !== index) this.#report(ProblemCode.pipeline, at, `"${id}" is listed twice`);
      if (!this.#checkReference(kind, id, at)) return;
      const type = this.#catalog.find(kind, defined.get(id)?.type ?? "");
      if (type !== undefined && !type.signals.includes(signal)) {
        const can = type.signals.join(", ");
        this.#report(ProblemCode.pipeline, at, `"${id}" can't be in a pipeline of ${signal}, only of ${can}`);
      }
      if (kind === "exporters") this.#checkEndpoint(id, at, signal, defined.get(id));
    });
  }

  /** Of OTLP over HTTP, whose signals may have an address each. */
  #checkEndpoint(id: string, path: Path, signal: Signal, exporter: ComponentConfig | undefined): void {
    if (exporter?.type !== "otlp_http" || exporter.settings === undefined) return;
    const settings = exporter.settings as Readonly<Record<string, unknown>>;
    const own = `${signal}_endpoint`;
    if (settings["endpoint"] !== undefined || settings[own] !== undefined) return;
    const message = `"${id}" has no address for ${signal}: give it endpoint or ${own}`;
    this.#report(ProblemCode.pipeline, path, message);
  }

  #checkReference(kind: ComponentKind, id: string, path: Path): boolean {
    const section = childAt(this.#root, [kind]);
    const defined = section?.kind === "map" ? [...section.entries.keys()] : [];
    if (defined.includes(id)) return true;
    const message = `"${id}" is not defined under ${kind}`;
    this.#report(ProblemCode.undefinedComponent, path, message, nearest(id, defined));
    return false;
  }

  /** Each would cut what the other has written. */
  #checkFiles(exporters: Components): void {
    const writers = new Map<string, string>();
    for (const { id, type, settings } of exporters.values()) {
      if (type !== "file" || settings === undefined) continue;
      const place = resolve((settings as { readonly path: string }).path);
      const other = writers.get(place);
      writers.set(place, other ?? id);
      if (other === undefined || place.startsWith("/dev/")) continue;
      this.#report(ProblemCode.badValue, ["exporters", id, "path"], `exporters.${other} writes to this file too`);
    }
  }

  /** The queues of exporters name the extension that keeps them. */
  #checkStorages(exporters: Components, extensions: Components, enabled: readonly string[]): void {
    for (const { id, settings } of exporters.values()) {
      const storage = (settings as StoredSettings | undefined)?.sending_queue?.storage;
      if (storage === undefined) continue;
      const path = ["exporters", id, "sending_queue", "storage"];
      const storages = [...extensions.values()].filter(({ type }) => STORAGES.includes(type)).map((each) => each.id);
      if (!storages.includes(storage)) {
        const message = `"${storage}" is no storage that is defined under extensions`;
        this.#report(ProblemCode.undefinedComponent, path, message, nearest(storage, storages));
      } else if (!enabled.includes(storage)) {
        this.#report(ProblemCode.undefinedComponent, path, `"${storage}" is not listed in service.extensions`);
      }
    }
  }

  #warnUnused(
    of: (kind: ComponentKind) => Components,
    pipelines: readonly PipelineConfig[],
    enabledExtensions: readonly string[],
  ): void {
    for (const kind of COMPONENT_KINDS) {
      const used =
        kind === "extensions"
          ? enabledExtensions
          : pipelines.flatMap((pipeline) => pipeline[kind] as readonly string[]);
      for (const id of of(kind).keys()) {
        if (!used.includes(id)) this.#warnings.push(`${kind}.${id} is defined but not used`);
      }
    }
  }
}
