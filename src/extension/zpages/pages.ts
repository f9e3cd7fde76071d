/** The pages themselves: data in, HTML out. */
import type { StageAccount } from "../../mapping/account.ts";
import { type Attribute, SpanKind } from "../../mapping/span.ts";
import { formatSamples } from "./browser/flame-layout.ts";
import { type Html, html } from "./html.ts";
import type { StoredTrace } from "./trace-store.ts";
import { formatDuration, layOut, type Waterfall, type WaterfallRow } from "./waterfall.ts";

/** A trace in the list shows this many rows; its own page shows all. */
const ROWS_IN_LIST = 12;
const TRACES_IN_LIST = 50;
const COLORS = 8;
const STATUS_ERROR = 2;

const KIND_NAMES: ReadonlyMap<number, string> = new Map([
  [SpanKind.internal, "INTERNAL"],
  [SpanKind.server, "SERVER"],
  [SpanKind.client, "CLIENT"],
  [SpanKind.producer, "PRODUCER"],
  [SpanKind.consumer, "CONSUMER"],
]);

export interface PageStatus {
  /** `capturing with 7 probes`, `waiting`. */
  readonly summary: string;
  readonly version: string;
}

export function tracesPage(traces: readonly StoredTrace[], status: PageStatus): Html {
  const cards = traces.slice(0, TRACES_IN_LIST).map((trace) => card(trace, ROWS_IN_LIST));
  const empty = html`<div class="card empty">No trace yet. Any HTTP request between programs of this host shows here.</div>`;
  return layout("Traces", "/", status, cards.length === 0 ? empty : html`${cards}`);
}

/** @param samples of each span, by its id */
export function tracePage(trace: StoredTrace, status: PageStatus, samples: ReadonlyMap<string, number>): Html {
  return layout("Trace", undefined, status, detailed(trace, samples));
}

/** A script fills it. */
export function flamePage(status: PageStatus): Html {
  const body = html`<div id="flames"><noscript><div class="card empty">This page needs JavaScript, which comes from
sockspan itself. Without it, <a href="/profile.pb.gz">the same as a file for pprof</a>.</div></noscript></div>
<script type="module" src="/assets/flame-app.js"></script>`;
  return layout("Profile", "/profile", status, body);
}

export function notFoundPage(what: string, status: PageStatus): Html {
  return layout("Not found", undefined, status, html`<div class="card empty">${what}</div>`);
}

export function accountsPage(accounts: readonly StageAccount[], status: PageStatus): Html {
  const rows = accounts.map(
    (account) => html`<tr><td>${account.stage}</td><td>${account.unit}</td><td class="number">${account.in}</td>
<td class="number">${account.out}</td><td>${reasons(account.consumed)}</td><td class="number">${account.held}</td>
<td>${account.lost.size === 0 ? html`<span class="dim">0</span>` : html`<span class="bad">${reasons(account.lost)}</span>`}</td></tr>`,
  );
  const body = html`<div class="card"><div class="head"><h2>Stages</h2>
<span class="dim">in = out + consumed + held + lost, at every moment</span></div>
<table><thead><tr><th>stage</th><th>unit</th><th class="number">in</th><th class="number">out</th><th>consumed</th>
<th class="number">held</th><th>lost</th></tr></thead><tbody>${rows}</tbody></table></div>`;
  return layout("Stages", "/stages", status, body);
}

function layout(title: string, current: string | undefined, status: PageStatus, body: Html): Html {
  const link = (path: string, text: string) =>
    html`<a href="${path}"${path === current ? html` aria-current="page"` : undefined}>${text}</a>`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} - sockspan</title><link rel="stylesheet" href="/style.css"></head><body>
<header><strong>sockspan</strong><nav>${link("/", "Traces")}${link("/profile", "Profile")}${link("/stages", "Stages")}</nav>
<span class="right">${status.summary} · ${status.version}</span></header><main><h1 class="hidden">${title}</h1>${body}</main></body></html>`;
}

function card(trace: StoredTrace, maxRows: number): Html {
  const waterfall = layOut(trace.spans);
  const colors = colorsOf(waterfall);
  const hidden = waterfall.rows.length - maxRows + trace.omitted;
  return html`<section class="card">${head(trace, waterfall)}<div class="rows">${waterfall.rows
    .slice(0, maxRows)
    .map((row) => html`<div class="row">${cells(row, waterfall, colors)}</div>`)}</div>${
    hidden > 0 ? html`<div class="row dim">${hidden} more spans</div>` : undefined
  }</section>`;
}

function detailed(trace: StoredTrace, samples: ReadonlyMap<string, number>): Html {
  const waterfall = layOut(trace.spans);
  const colors = colorsOf(waterfall);
  const all = [...samples.values()].reduce((sum, count) => sum + count, 0);
  const whole = html`<p class="flame-links"><a href="/profile?trace=${trace.traceId}">Flame graph of this trace</a>
<span class="dim">${formatSamples(all)}</span></p>`;
  return html`<section class="card">${head(trace, waterfall)}${whole}${waterfall.rows.map(
    (row) =>
      html`<details><summary class="row">${cells(row, waterfall, colors)}</summary>${flameLinks(row, samples)}${attributes(row)}</details>`,
  )}</section>${trace.omitted > 0 ? html`<p class="dim">${trace.omitted} more spans were too many to keep.</p>` : undefined}`;
}

function head({ traceId }: StoredTrace, waterfall: Waterfall): Html {
  const root = waterfall.rows[0];
  const when = new Date(Number(waterfall.startTimeUnixNano / 1_000_000n));
  const count = waterfall.rows.length;
  return html`<div class="head"><h2><a href="/trace/${traceId}">${root?.service ?? ""} ${root && title(root)}</a></h2>
<a class="id" href="/trace/${traceId}">${traceId}</a><span class="right dim">${
    waterfall.hasError ? html`<span class="bad">error</span> · ` : undefined
  }${count} ${count === 1 ? "span" : "spans"} · ${formatDuration(waterfall.durationNs)} · ${when.toISOString().slice(11, 23)}</span></div>`;
}

function cells(row: WaterfallRow, waterfall: Waterfall, colors: ReadonlyMap<string, number>): Html {
  const { span, service, depth } = row;
  const color = colors.get(service) ?? 0;
  const total = Math.max(1, waterfall.durationNs);
  const left = (row.offsetNs / total) * 1000;
  const width = Math.min(1000 - left, Math.max(4, (row.durationNs / total) * 1000));
  const isError = span.status === STATUS_ERROR;
  const indents = Array.from({ length: Math.min(depth, 24) }, () => html`<i class="i"></i>`);
  const note = row.isOrphan ? "the parent was not seen here" : "";
  return html`<div class="name" title="${note}">${indents}<span class="service t${color}">${service}</span>
<span${isError ? html` class="bad"` : undefined}>${title(row)}${statusCode(span.attributes)}</span>
<span class="kind">${KIND_NAMES.get(span.kind) ?? ""}</span></div>
<svg viewBox="0 0 1000 14" preserveAspectRatio="none" aria-hidden="true"><rect class="track" y="6" width="1000" height="2"/>
<rect class="b${color}" x="${Math.min(996, left).toFixed(1)}" y="1" width="${width.toFixed(1)}" height="12" rx="2"/></svg>
<div class="time">${formatDuration(row.durationNs)}</div>`;
}

/** The name, and what a name of low cardinality leaves out, as far as the span says it. */
function title({ span }: WaterfallRow): string {
  const find = (name: string) => span.attributes.find(([key]) => key === name)?.[1];
  const path = find("url.path") ?? /^[a-z]+:\/\/[^/?#]*([^?#]*)/.exec(String(find("url.full") ?? ""))?.[1];
  if (path !== undefined) return span.name.includes(String(path)) ? span.name : `${span.name} ${String(path)}`;
  const text = String(find("db.query.text") ?? "");
  return text.startsWith(span.name) ? text : span.name;
}

function statusCode(list: readonly Attribute[]): string {
  const code = list.find(([key]) => key === "http.response.status_code")?.[1];
  return code === undefined ? "" : ` ${String(code)}`;
}

function attributes({ span }: WaterfallRow): Html {
  const row = ([key, value]: Attribute) => html`<tr><td>${key}</td><td>${String(value)}</td></tr>`;
  const own: Attribute[] = [
    ["span id", span.spanId],
    ["parent span id", span.parentSpanId ?? "none"],
    ["start", String(span.startTimeUnixNano)],
    ["end", String(span.endTimeUnixNano)],
  ];
  const links = span.links.map((link): Attribute => ["link", `${link.traceId} ${link.spanId}`]);
  return html`<table class="attributes"><tbody>${[...span.attributes, ...links].map(row)}${own.map(row)}
<tr><th colspan="2">resource</th></tr>${span.resource.attributes.map(row)}</tbody></table>`;
}

/** Samples are taken for what a process serves: a client's time is its own process's, or another's span. */
function flameLinks({ span, service }: WaterfallRow, samples: ReadonlyMap<string, number>): Html {
  if (span.kind === SpanKind.client || span.kind === SpanKind.producer) return html``;
  const count = samples.get(span.spanId) ?? 0;
  const all = new URLSearchParams({ service, name: span.name, kind: KIND_NAMES.get(span.kind) ?? "" });
  return html`<p class="flame-links"><a href="/profile?trace=${span.traceId}&span=${span.spanId}">Flame graph of this span</a>
<span class="dim">${formatSamples(count)}</span>
<a href="/profile?${all.toString()}">of all ${KIND_NAMES.get(span.kind)} ${span.name} in ${service}</a></p>`;
}

function colorsOf({ services }: Waterfall): ReadonlyMap<string, number> {
  return new Map(services.map((service, index) => [service, index % COLORS]));
}

function reasons(counts: ReadonlyMap<string, number>): string {
  return counts.size === 0 ? "0" : [...counts].map(([reason, count]) => `${reason} ${count}`).join(", ");
}
