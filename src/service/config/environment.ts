/**
 * The standard OTEL_EXPORTER_OTLP_* variables as a layer over the default configuration: where an endpoint is set,
 * spans are exported there too (opentelemetry.io/docs/specs/otel/protocol/exporter). A configuration that the user
 * wrote is not touched; it can name the variables as ${env:NAME}.
 */
import { SockspanError } from "../../error.ts";
import { redactUrl } from "./redact.ts";

export interface EnvironmentExporter {
  /** `otlp_grpc` or `otlp_http`. */
  readonly type: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** A standard variable has a value that can't be used. */
export class EnvironmentInvalidError extends SockspanError {
  readonly code = "CONFIG_ENVIRONMENT";

  constructor(name: string, value: string, reason: string) {
    super(`${name}=${value}: ${reason}`, `Correct or unset ${name}.`);
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

const PROTOCOLS = ["grpc", "http/protobuf", "http/json"];
/** Endpoints of gRPC alone. */
const NAMED_BY_GRPC = /^(?:unix|dns):/i;

/** undefined when the environment asks for no export of traces. */
export function exporterOfEnvironment(environment: Environment): EnvironmentExporter | undefined {
  const get = (key: string): Setting | undefined =>
    setting(environment, `OTEL_EXPORTER_OTLP_TRACES_${key}`) ?? setting(environment, `OTEL_EXPORTER_OTLP_${key}`);
  const endpoint = get("ENDPOINT");
  const chosen = setting(environment, "OTEL_TRACES_EXPORTER")?.value;
  if (endpoint === undefined || (chosen !== undefined && !chosen.split(",").includes("otlp"))) return undefined;
  const isInsecure = flag(get("INSECURE"));
  const protocol = get("PROTOCOL");
  if (protocol !== undefined && !PROTOCOLS.includes(protocol.value)) {
    throw new EnvironmentInvalidError(protocol.name, protocol.value, `the protocols are ${PROTOCOLS.join(", ")}`);
  }
  const common = { ...timeout(get("TIMEOUT")), ...compression(get("COMPRESSION")), ...headers(get("HEADERS")) };
  const withTls = (isPlain: boolean) => ({ ...tlsSettings(get, isPlain), ...common });
  if (NAMED_BY_GRPC.test(endpoint.value) && (protocol === undefined || protocol.value === "grpc")) {
    return { type: "otlp_grpc", settings: { endpoint: endpoint.value, ...withTls(isInsecure) } };
  }
  const { url, hasScheme } = parseUrl(endpoint, isInsecure);
  const settings = withTls(url.protocol === "http:");
  const isHttp = protocol === undefined ? url.port === "4318" : protocol.value !== "grpc";
  if (!isHttp) {
    return { type: "otlp_grpc", settings: { endpoint: hostAndPort(url, hasScheme), ...settings } };
  }
  const encoding = protocol?.value === "http/json" ? { encoding: "json" } : {};
  const text = hasScheme ? endpoint.value : `${url.protocol}//${endpoint.value}`;
  // A signal-specific endpoint is used as it is; to the general one the signal's path is added.
  const isSpecific = endpoint.name.includes("_TRACES_");
  const where = isSpecific ? { traces_endpoint: text } : { endpoint: text.replace(/\/+$/, "") };
  return { type: "otlp_http", settings: { ...where, ...encoding, ...settings } };
}

interface Setting {
  readonly name: string;
  readonly value: string;
}

/** The specification: an empty variable is an unset one. */
function setting(environment: Environment, name: string): Setting | undefined {
  const value = environment[name]?.trim();
  return value === undefined || value === "" ? undefined : { name, value };
}

function flag(found: Setting | undefined): boolean {
  const value = found?.value.toLowerCase() ?? "false";
  if (found === undefined || value === "true" || value === "false") return value === "true";
  throw new EnvironmentInvalidError(found.name, found.value, "neither true nor false");
}

/** OTLP/gRPC allows an endpoint without a scheme: TLS then, unless INSECURE says otherwise. For HTTP it means the same. */
function parseUrl({ name, value }: Setting, isInsecure: boolean): { readonly url: URL; readonly hasScheme: boolean } {
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(value);
  const text = hasScheme ? value : `${isInsecure ? "http" : "https"}://${value}`;
  const shown = redactUrl(text);
  if (!URL.canParse(text)) throw new EnvironmentInvalidError(name, shown, "not an URL");
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new EnvironmentInvalidError(name, shown, "the scheme is neither http nor https");
  }
  return { url, hasScheme };
}

/** Without a port: https's own where that was written, else the one that OTLP/gRPC is registered with. */
function hostAndPort(url: URL, hasScheme: boolean): string {
  const usual = url.protocol === "https:" && hasScheme ? "443" : "4317";
  return `${url.hostname}:${url.port === "" ? usual : url.port}`;
}

function timeout(found: Setting | undefined): { timeout?: string } {
  if (found === undefined) return {};
  if (!/^\d+$/.test(found.value)) {
    throw new EnvironmentInvalidError(found.name, found.value, "not a number of milliseconds");
  }
  return { timeout: `${found.value}ms` };
}

function compression(found: Setting | undefined): { compression?: string } {
  if (found === undefined) return {};
  if (found.value !== "gzip" && found.value !== "none") {
    throw new EnvironmentInvalidError(found.name, found.value, "only gzip and none are known");
  }
  return { compression: found.value };
}

/** `key=value,key2=value2`, percent-encoded as W3C Baggage. */
function headers(found: Setting | undefined): { headers?: Record<string, string> } {
  if (found === undefined) return {};
  const pairs = found.value.split(",").filter((pair) => pair.trim() !== "");
  const parsed = pairs.map((pair): [string, string] => {
    const split = pair.indexOf("=");
    if (split <= 0) throw new EnvironmentInvalidError(found.name, "[REDACTED]", "not key=value,key2=value2");
    return [pair.slice(0, split).trim(), decode(pair.slice(split + 1).trim())];
  });
  return { headers: Object.fromEntries(parsed) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function tlsSettings(get: (key: string) => Setting | undefined, isPlain: boolean): { tls?: Record<string, unknown> } {
  const files = {
    ca_file: get("CERTIFICATE")?.value,
    cert_file: get("CLIENT_CERTIFICATE")?.value,
    key_file: get("CLIENT_KEY")?.value,
  };
  const given = Object.entries(files).filter(([, value]) => value !== undefined);
  if (!isPlain && given.length === 0) return {};
  return { tls: { ...(isPlain ? { insecure: true } : {}), ...Object.fromEntries(given) } };
}
