/** zpages: the last traces as waterfalls, and the stage accounts, on the Collector's port. */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { formatListenAddress } from "../../config-value.ts";
import type { StageAccount } from "../../mapping/account.ts";
import { traceRequestJson } from "../../mapping/otlp/trace-json.ts";
import { encodePprof } from "../../mapping/profiles/pprof.ts";
import type { Extension } from "../extension.ts";
import { HttpListener } from "../listen.ts";
import { type Assets, loadAssets } from "./assets.ts";
import { flameData } from "./flame-data.ts";
import { readFilter } from "./flame-query.ts";
import { GuardVerdict, judge } from "./guard.ts";
import type { Html } from "./html.ts";
import { accountsPage, flamePage, notFoundPage, type PageStatus, tracePage, tracesPage } from "./pages.ts";
import { ProfileStore } from "./profile-store.ts";
import type { ZpagesSettings } from "./settings.ts";
import { storedProfile } from "./stored-profile.ts";
import { STYLE } from "./style.ts";
import { TraceStore } from "./trace-store.ts";

export const ZPAGES_PORT = 55_679;

export interface ZpagesSource {
  readonly accounts: () => readonly StageAccount[];
  readonly status: () => PageStatus;
}

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

export class Zpages implements Extension {
  readonly id: string;
  readonly store: TraceStore;
  readonly profiles: ProfileStore;
  readonly #assets: Assets = loadAssets();
  readonly #settings: ZpagesSettings;
  readonly #source: ZpagesSource;
  readonly #token: string;
  #listener: HttpListener | undefined;

  constructor(id: string, settings: ZpagesSettings, source: ZpagesSource) {
    this.id = id;
    this.#settings = settings;
    this.#source = source;
    this.#token = settings.token ?? randomBytes(16).toString("base64url");
    this.store = new TraceStore({ traces: settings.max_traces, spansPerTrace: settings.max_spans_per_trace });
    this.profiles = new ProfileStore(settings.max_samples);
  }

  /** With the token: this is what the ready line prints. */
  get address(): string | undefined {
    if (this.#listener === undefined) return undefined;
    return `http://${formatListenAddress(this.#listener.address)}/?token=${this.#token}`;
  }

  get isMoved(): boolean {
    return this.#listener?.isMoved ?? false;
  }

  async start(): Promise<void> {
    this.#listener = await HttpListener.open({
      who: `extension ${this.id}`,
      address: this.#settings.endpoint ?? { host: "127.0.0.1", port: ZPAGES_PORT },
      isDefault: this.#settings.endpoint === undefined,
      onRequest: (request, response) => this.#answer(request, response),
    });
  }

  async shutdown(): Promise<void> {
    await this.#listener?.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const target = request.url ?? "/";
    if (!target.startsWith("/") || !URL.canParse(target, "http://zpages")) {
      send(response, 400, "text/plain", "Bad request\n");
      return;
    }
    const url = new URL(target, "http://zpages");
    // Two sockspans on one host have two ports, and cookies know no ports.
    const cookieName = `sockspan_${this.#listener?.address.port ?? 0}`;
    const allowedHosts = this.#settings.allowed_hosts;
    const verdict = judge(request, url, { token: this.#token, allowedHosts, cookieName });
    if (verdict === GuardVerdict.wrongHost) send(response, 421, "text/plain", "Unknown host name: see allowed_hosts\n");
    else if (verdict === GuardVerdict.noToken) {
      send(response, 401, "text/plain", "Open the address that sockspan printed when it started: it holds a token\n");
    } else if (request.method !== "GET" && request.method !== "HEAD") {
      send(response, 405, "text/plain", "Only GET\n");
    } else if (verdict === GuardVerdict.setCookie && !url.pathname.startsWith("/debug/")) {
      const cookie = `${cookieName}=${this.#token}; HttpOnly; SameSite=Strict; Path=/`;
      // One slash: two would name another host.
      url.searchParams.delete("token");
      const location = `${url.pathname.replace(/^\/+/, "/")}${url.search}`;
      response.writeHead(303, { ...HEADERS, "set-cookie": cookie, location }).end();
    } else this.#page(url, response);
  }

  #page({ pathname, searchParams }: URL, response: ServerResponse): void {
    const status = this.#source.status();
    if (pathname === "/style.css") send(response, 200, "text/css", STYLE);
    else if (pathname === "/" || pathname === "/debug/tracez")
      sendPage(response, tracesPage(this.store.traces, status));
    else if (pathname === "/stages") sendPage(response, accountsPage(this.#source.accounts(), status));
    else if (pathname === "/profile") sendPage(response, flamePage(status));
    else if (pathname === "/profile.json") {
      const data = flameData(this.profiles, readFilter(searchParams, Date.now()));
      send(response, 200, "application/json", JSON.stringify(data));
    } else if (pathname === "/profile.pb.gz") {
      const profile = storedProfile(this.profiles, readFilter(searchParams, Date.now()));
      send(response, 200, "application/octet-stream", gzipSync(encodePprof(profile)));
    } else if (this.#assets.has(pathname)) {
      send(response, 200, "text/javascript; charset=utf-8", this.#assets.get(pathname) ?? "");
    } else if (pathname === "/debug/traces.json") {
      send(response, 200, "application/json", tracesJson(this.store, searchParams.get("limit")));
    } else this.#trace(pathname, status, response);
  }

  #trace(pathname: string, status: PageStatus, response: ServerResponse): void {
    const id = /^\/trace\/([0-9a-f]{32})$/.exec(pathname)?.[1];
    const trace = id === undefined ? undefined : this.store.get(id);
    if (trace !== undefined) sendPage(response, tracePage(trace, status, this.profiles.countsOf(trace.traceId)));
    else sendPage(response, notFoundPage("This trace is not, or no longer, among the last ones.", status), 404);
  }
}

/** The newest traces as one OTLP JSON object. */
function tracesJson(store: TraceStore, limit: string | null): string {
  const count = limit !== null && /^\d{1,5}$/.test(limit) ? Number(limit) : 100;
  return traceRequestJson(store.traces.slice(0, count).flatMap((trace) => trace.spans));
}

function sendPage(response: ServerResponse, page: Html, code = 200): void {
  send(response, code, "text/html; charset=utf-8", page.text);
}

function send(response: ServerResponse, code: number, type: string, body: string | Buffer): void {
  response.writeHead(code, { ...HEADERS, "content-type": type }).end(body);
}
