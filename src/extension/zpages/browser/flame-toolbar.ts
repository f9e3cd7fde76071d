/** What the flame graph page can be asked for: a form whose fields say each change at once. */
import { h } from "preact";
import type { FlameData } from "../flame-data.ts";
import type { PageEvent } from "./dom.ts";

export const CHOICES = ["type", "service", "pid", "trace", "span", "name", "kind", "since"] as const;
/** undefined: not chosen. */
export type Choices = Readonly<Partial<Record<(typeof CHOICES)[number], string | undefined>>>;

type Option = readonly [value: string, text: string];

const TIMES: readonly Option[] = [
  ["cpu", "on the CPU"],
  ["off_cpu", "off the CPU"],
];
const AGES: readonly Option[] = [
  ["", "as long as kept"],
  ["60", "1 minute"],
  ["300", "5 minutes"],
  ["900", "15 minutes"],
];

interface FlameToolbarProps {
  readonly data: FlameData;
  readonly choices: Choices;
  readonly isLive: boolean;
  readonly search: string;
  readonly problem: string | undefined;
  /** Of the address, for links to the same data. */
  readonly query: string;
  readonly onChoose: (change: Choices) => void;
  readonly onLive: (isLive: boolean) => void;
  readonly onSearch: (text: string) => void;
}

export function flameToolbar(props: FlameToolbarProps) {
  const { data, choices, isLive, search, problem, query, onChoose, onLive, onSearch } = props;
  const hasOffCpu = data.types.includes("off_cpu") || choices.type === "off_cpu";
  return h(
    "form",
    { class: "tools card", onSubmit: (event: PageEvent) => event.preventDefault() },
    hasOffCpu && select("Time", choices.type ?? "cpu", TIMES, (type) => onChoose({ type })),
    processSelect(props),
    spanSelect(props),
    select("Since", choices.since ?? "", AGES, (since) => onChoose({ since })),
    h(
      "label",
      { class: "search" },
      h("span", {}, "Search"),
      h("input", {
        type: "search",
        value: search,
        placeholder: "function or file",
        onInput: (event: PageEvent) => onSearch(event.target.value),
      }),
    ),
    h(
      "label",
      { class: "check" },
      h("input", { type: "checkbox", checked: isLive, onChange: (event: PageEvent) => onLive(event.target.checked) }),
      "live",
    ),
    h("a", { class: "button", href: `/profile.pb.gz${query}`, download: "sockspan.pb.gz" }, "pprof"),
    chosenSpan(props),
    problem === undefined ? null : h("p", { class: "bad", role: "alert" }, problem),
  );
}

/** Values are "PID SERVICE". */
function processSelect({ data, choices: { pid, service }, onChoose }: FlameToolbarProps) {
  const options = data.processes.map(
    (each): Option => [`${each.pid} ${each.service}`, `${each.service} (pid ${each.pid})`],
  );
  const chosen = pid === undefined ? (service ?? "") : `${pid} ${service ?? ""}`;
  return select("Process", chosen, withCurrent([["", "whole host"], ...options], chosen), (value) => {
    const split = value.indexOf(" ");
    const isAny = value === "";
    onChoose({
      pid: isAny ? undefined : value.slice(0, split),
      service: isAny ? undefined : value.slice(split + 1),
    });
  });
}

/** Values are "NAME KIND"; " KIND" is all of a kind. */
function spanSelect({ data, choices, onChoose }: FlameToolbarProps) {
  const kinds = [...new Set(data.spans.map(({ kind }) => kind))];
  const options: readonly Option[] = [
    ["", "everything"],
    ...kinds.map((kind): Option => [` ${kind}`, `all ${kind} spans`]),
    ...data.spans.map(({ name, kind }): Option => [`${name} ${kind}`, `${kind} ${name}`]),
  ];
  const isAny = choices.name === undefined && choices.kind === undefined;
  const chosen = isAny ? "" : `${choices.name ?? ""} ${choices.kind ?? ""}`;
  return select("Spans", chosen, withCurrent(options, chosen), (value) => {
    const split = value.lastIndexOf(" ");
    onChoose({
      name: value.slice(0, split) || undefined,
      kind: value.slice(split + 1) || undefined,
      span: undefined,
      trace: undefined,
    });
  });
}

function chosenSpan({ choices: { trace, span }, onChoose }: FlameToolbarProps) {
  if (trace === undefined && span === undefined) return null;
  const clear = () => onChoose({ trace: undefined, span: undefined });
  return h(
    "p",
    { class: "chosen" },
    span === undefined ? "one trace: " : "one span of the trace ",
    trace === undefined ? null : h("a", { class: "id", href: `/trace/${trace}` }, trace),
    h("button", { type: "button", class: "button", onClick: clear }, "show all"),
  );
}

function select(label: string, value: string, options: readonly Option[], onChange: (value: string) => void) {
  return h(
    "label",
    {},
    h("span", {}, label),
    h(
      "select",
      { value, onChange: (event: PageEvent) => onChange(event.target.value) },
      options.map(([each, text]) => h("option", { key: each, value: each, selected: each === value }, text)),
    ),
  );
}

/** A link may choose what the list does not hold. */
function withCurrent(options: readonly Option[], current: string): readonly Option[] {
  return options.some(([value]) => value === current) ? options : [...options, [current, current.trim()]];
}
