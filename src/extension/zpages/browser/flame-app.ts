/** The flame graph page in the browser: asks for what is chosen, draws it, and asks again while it is live. */
import { Component, h, render } from "preact";
import type { FlameData } from "../flame-data.ts";
import { browser, type PageElement, type PageEvent } from "./dom.ts";
import { FlameChart } from "./flame-chart.ts";
import { formatNs, formatSamples, formatShare, type TreeNode } from "./flame-layout.ts";

const REFRESH_MS = 3000;
const CHOICES = ["type", "service", "pid", "trace", "span", "name", "kind", "since"] as const;
type Choice = (typeof CHOICES)[number];
type Choices = Readonly<Partial<Record<Choice, string>>>;

interface State {
  readonly choices: Choices;
  readonly data: FlameData | undefined;
  readonly problem: string | undefined;
  readonly isLive: boolean;
  readonly search: string;
  readonly zoom: readonly string[];
  readonly hovered: TreeNode | undefined;
}

class FlameApp extends Component<Record<never, never>, State> {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;

  constructor() {
    super({});
    const given = new URLSearchParams(browser.location.search);
    const choices = Object.fromEntries(CHOICES.map((key) => [key, given.get(key) ?? undefined]));
    this.state = {
      choices: { ...choices, type: choices["type"] ?? "cpu" },
      data: undefined,
      problem: undefined,
      isLive: true,
      search: given.get("search") ?? "",
      zoom: [],
      hovered: undefined,
    };
  }

  override componentDidMount(): void {
    void this.#load();
  }

  override render() {
    const { data, problem } = this.state;
    if (data === undefined) return h("div", { class: "card empty", role: "status" }, problem ?? "Loading…");
    return h("div", {}, this.#toolbar(data), this.#chart(data), this.#top(data));
  }

  async #load(): Promise<void> {
    clearTimeout(this.#timer);
    this.#asked++;
    const asked = this.#asked;
    try {
      const response = await fetch(`/profile.json${this.#query()}`, { headers: { accept: "application/json" } });
      if (!response.ok)
        throw new Error(
          response.status === 401 ? "Open the address that sockspan printed." : `HTTP ${response.status}`,
        );
      const data = (await response.json()) as FlameData;
      // An answer to what was chosen before.
      if (asked !== this.#asked) return;
      this.setState({ data, problem: undefined });
    } catch (error) {
      if (asked !== this.#asked) return;
      this.setState({ problem: `sockspan does not answer: ${error instanceof Error ? error.message : String(error)}` });
    }
    this.#schedule();
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      if (this.state.isLive && browser.document.visibilityState === "visible") void this.#load();
      else this.#schedule();
    }, REFRESH_MS);
  }

  #query(): string {
    const parameters = new URLSearchParams();
    for (const key of CHOICES) {
      const value = this.state.choices[key];
      if (value !== undefined && value !== "") parameters.set(key, value);
    }
    return `?${parameters}`;
  }

  #choose(change: Choices): void {
    this.setState({ choices: { ...this.state.choices, ...change }, zoom: [], hovered: undefined }, () => {
      browser.history.replaceState(null, "", `${browser.location.pathname}${this.#query()}`);
      void this.#load();
    });
  }

  #toolbar(data: FlameData) {
    const { choices, isLive, search, problem } = this.state;
    const select = (
      label: string,
      value: string,
      options: readonly (readonly [string, string])[],
      change: (value: string) => void,
    ) =>
      h(
        "label",
        {},
        h("span", {}, label),
        h(
          "select",
          { value, onChange: (event: PageEvent) => change(event.target.value) },
          options.map(([each, text]) => h("option", { key: each, value: each, selected: each === value }, text)),
        ),
      );
    const types = data.types.includes("off_cpu") || choices.type === "off_cpu" ? ["cpu", "off_cpu"] : ["cpu"];
    const processes = data.processes.map(
      ({ service, pid }) => [`${pid} ${service}`, `${service} (pid ${pid})`] as const,
    );
    const process = choices.pid === undefined ? (choices.service ?? "") : `${choices.pid} ${choices.service ?? ""}`;
    const kinds = [...new Set(data.spans.map(({ kind }) => kind))].map(
      (kind) => [` ${kind}`, `all ${kind} spans`] as const,
    );
    const names = data.spans.map(({ name, kind }) => [`${name} ${kind}`, `${kind} ${name}`] as const);
    const span =
      choices.name === undefined && choices.kind === undefined ? "" : `${choices.name ?? ""} ${choices.kind ?? ""}`;
    return h(
      "form",
      { class: "tools card", onSubmit: (event: PageEvent) => event.preventDefault() },
      types.length > 1 &&
        select(
          "Time",
          choices.type ?? "cpu",
          [
            ["cpu", "on the CPU"],
            ["off_cpu", "off the CPU"],
          ],
          (type) => this.#choose({ type }),
        ),
      select("Process", process, withCurrent([["", "whole host"], ...processes], process), (value) => {
        const split = value.indexOf(" ");
        this.#choose(
          value === ""
            ? ({ pid: undefined, service: undefined } as never)
            : { pid: value.slice(0, split), service: value.slice(split + 1) },
        );
      }),
      select("Spans", span, withCurrent([["", "everything"], ...kinds, ...names], span), (value) => {
        const split = value.lastIndexOf(" ");
        const [name, kind] = [value.slice(0, split), value.slice(split + 1)];
        this.#choose({ name: name || undefined, kind: kind || undefined, span: undefined, trace: undefined } as never);
      }),
      select(
        "Since",
        choices.since ?? "",
        [
          ["", "as long as kept"],
          ["60", "1 minute"],
          ["300", "5 minutes"],
          ["900", "15 minutes"],
        ],
        (since) => this.#choose({ since }),
      ),
      h(
        "label",
        { class: "search" },
        h("span", {}, "Search"),
        h("input", {
          type: "search",
          value: search,
          placeholder: "function or file",
          onInput: (event: PageEvent) => this.setState({ search: event.target.value }),
        }),
      ),
      h(
        "label",
        { class: "check" },
        h("input", {
          type: "checkbox",
          checked: isLive,
          onChange: (event: PageEvent) => this.setState({ isLive: event.target.checked }),
        }),
        "live",
      ),
      h("a", { class: "button", href: `/profile.pb.gz${this.#query()}`, download: "sockspan.pb.gz" }, "pprof"),
      this.#chosenSpan(),
      problem === undefined ? null : h("p", { class: "bad", role: "alert" }, problem),
    );
  }

  #chosenSpan() {
    const { trace, span } = this.state.choices;
    if (trace === undefined && span === undefined) return null;
    const clear = () => this.#choose({ trace: undefined, span: undefined } as never);
    return h(
      "p",
      { class: "chosen" },
      span === undefined ? "one trace: " : "one span of the trace ",
      trace === undefined ? null : h("a", { class: "id", href: `/trace/${trace}` }, trace),
      h("button", { type: "button", class: "button", onClick: clear }, "show all"),
    );
  }

  #chart(data: FlameData) {
    const { search, zoom, hovered } = this.state;
    const { root, sampleCount, linkedCount } = data;
    if (sampleCount === 0) {
      return h(
        "div",
        { class: "card empty", role: "status" },
        "No sample yet. Samples come every few seconds, those of a span some seconds after it has ended.",
      );
    }
    const linked = linkedCount === 0 ? "" : ` · ${formatShare(linkedCount, sampleCount)} linked to spans`;
    const shown = hovered ?? root;
    const own = shown.c.length === 0 || shown.s === 0 ? "" : ` · ${formatNs(shown.s)} its own`;
    return h(
      "section",
      { class: "card flames" },
      h(
        "div",
        { class: "head" },
        h("h2", {}, hovered === undefined ? "Flame graph" : shown.n),
        h(
          "span",
          { class: "dim" },
          hovered === undefined
            ? `${formatSamples(sampleCount)}${linked}`
            : [shown.p, shown.t].filter((t) => t !== "").join(" · "),
        ),
        h("span", { class: "right" }, `${formatNs(shown.v)} · ${formatShare(shown.v, root.v)}${own}`),
      ),
      h(FlameChart, {
        root,
        search,
        zoom,
        onZoom: (path: readonly string[]) => this.setState({ zoom: path }),
        onHover: (node: TreeNode | undefined) => this.setState({ hovered: node }),
      }),
    );
  }

  #top({ top, root, sampleCount }: FlameData) {
    if (sampleCount === 0) return null;
    const rows = top
      .slice(0, 25)
      .map(({ name, place, type, selfNs, totalNs }) =>
        h(
          "tr",
          { key: `${type} ${name}` },
          h(
            "td",
            {},
            h(
              "button",
              { type: "button", class: "link", onClick: () => this.setState({ search: name }) },
              h("i", { class: `dot f-${colorClass(type)}` }),
              name,
            ),
          ),
          h("td", { class: "dim" }, place),
          h("td", { class: "number" }, formatShare(selfNs, root.v)),
          h("td", { class: "number" }, formatNs(selfNs)),
          h("td", { class: "number" }, formatShare(totalNs, root.v)),
        ),
      );
    const heading = (text: string, className = "") => h("th", { class: className, scope: "col" }, text);
    return h(
      "section",
      { class: "card" },
      h("div", { class: "head" }, h("h2", {}, "Where the time goes")),
      h(
        "table",
        { class: "top" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            heading("function"),
            heading("place"),
            heading("own", "number"),
            heading("time", "number"),
            heading("with callees", "number"),
          ),
        ),
        h("tbody", {}, rows),
      ),
    );
  }
}

/** A link may choose what the list does not hold. */
function withCurrent(
  options: readonly (readonly [string, string])[],
  current: string,
): readonly (readonly [string, string])[] {
  return options.some(([value]) => value === current) ? options : [...options, [current, current.trim()]];
}

function colorClass(type: string): string {
  return /^[a-z0-9]+$/.test(type) ? type : "native";
}

const place = browser.document.getElementById("flames");
if (place !== null) render(h(FlameApp, {}), place as PageElement as never);
