/** The flame graph page in the browser: asks for what is chosen, draws it, and asks again while it is live. */
import { Component, h, render } from "preact";
import type { FlameData } from "../flame-data.ts";
import { browser, type PageElement } from "./dom.ts";
import { FlameChart } from "./flame-chart.ts";
import { formatNs, formatSamples, formatShare, type TreeNode } from "./flame-layout.ts";
import { CHOICES, type Choices, flameToolbar } from "./flame-toolbar.ts";

const REFRESH_MS = 3000;

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
    return flameToolbar({
      data,
      choices,
      isLive,
      search,
      problem,
      query: this.#query(),
      onChoose: (change: Choices) => this.#choose(change),
      onLive: (live: boolean) => this.setState({ isLive: live }),
      onSearch: (text: string) => this.setState({ search: text }),
    });
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

function colorClass(type: string): string {
  return /^[a-z0-9]+$/.test(type) ? type : "native";
}

const place = browser.document.getElementById("flames");
if (place !== null) render(h(FlameApp, {}), place as PageElement as never);
