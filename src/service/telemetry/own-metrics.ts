/**
 * Our own metrics for Prometheus: the Collector's names, and the account of every stage. The reader and the resource
 * are given explicitly: our environment's OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say nothing about sockspan.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { BatchObservableResult, Meter, Observable } from "@opentelemetry/api";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import type { ExporterState } from "../../exporter/exporter.ts";
import type { StageAccount } from "../../mapping/account.ts";

/** What is measured, read at each scrape. */
export interface MetricSources {
  readonly accounts: () => readonly StageAccount[];
  /** Spans that each receiver gave. */
  readonly accepted: ReadonlyMap<string, number>;
  /** Samples of profiles, by receiver. */
  readonly acceptedSamples: ReadonlyMap<string, number>;
  readonly processors: readonly { readonly id: string; readonly account: StageAccount }[];
  readonly exporters: readonly {
    readonly id: string;
    readonly account: StageAccount;
    readonly state?: ExporterState;
  }[];
}

export interface OwnResource {
  readonly version: string;
  readonly instanceId: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Losses of an exporter that never entered its queue. */
const ENQUEUE_FAILURES: ReadonlySet<string> = new Set(["queue_full", "queue_bytes_full", "too_large", "shut_down"]);

export class OwnMetrics {
  readonly #exporter = new PrometheusExporter({ preventServerStart: true, withoutScopeInfo: true });
  readonly #provider: MeterProvider;

  constructor(sources: MetricSources, { version, instanceId, attributes }: OwnResource) {
    const resource = resourceFromAttributes({
      "service.name": "sockspan",
      "service.version": version,
      "service.instance.id": instanceId,
      ...attributes,
    });
    this.#provider = new MeterProvider({ resource, readers: [this.#exporter] });
    const meter = this.#provider.getMeter("sockspan", version);
    observeStages(meter, sources);
    observeComponents(meter, sources);
    observeProcess(meter);
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.#exporter.getMetricsRequestHandler(request, response);
  }

  shutdown(): Promise<void> {
    return this.#provider.shutdown();
  }
}

type Observe = (result: BatchObservableResult) => void;

function observe(meter: Meter, instruments: readonly Observable[], callback: Observe): void {
  meter.addBatchObservableCallback(callback, [...instruments]);
}

function observeStages(meter: Meter, { accounts }: MetricSources): void {
  const counter = (name: string, description: string) => meter.createObservableCounter(name, { description });
  const input = counter("sockspan_stage_in", "What a stage took in");
  const output = counter("sockspan_stage_out", "What a stage passed on");
  const consumed = counter("sockspan_stage_consumed", "What a stage took on purpose and did not pass on, by reason");
  const lost = counter("sockspan_stage_lost", "What a stage lost, by reason");
  const held = meter.createObservableGauge("sockspan_stage_held", { description: "What a stage holds now" });
  observe(meter, [input, output, consumed, lost, held], (result) => {
    for (const account of accounts()) {
      const labels = { stage: account.stage, unit: account.unit };
      result.observe(input, account.in, labels);
      result.observe(output, account.out, labels);
      result.observe(held, account.held, labels);
      for (const [reason, count] of account.consumed) result.observe(consumed, count, { ...labels, reason });
      for (const [reason, count] of account.lost) result.observe(lost, count, { ...labels, reason });
    }
  });
}

/** Names and labels as the Collector's own telemetry has them. */
function observeComponents(meter: Meter, sources: MetricSources): void {
  const { accepted, acceptedSamples, processors, exporters } = sources;
  const counter = (name: string) => meter.createObservableCounter(name);
  const gauge = (name: string) => meter.createObservableGauge(name);
  const acceptedSpans = counter("otelcol_receiver_accepted_spans");
  const refusedSpans = counter("otelcol_receiver_refused_spans");
  const samples = counter("otelcol_receiver_accepted_profile_samples");
  const incoming = counter("otelcol_processor_incoming_items");
  const outgoing = counter("otelcol_processor_outgoing_items");
  const outcomes = (unit: string) => ({
    sent: counter(`otelcol_exporter_sent_${unit}`),
    sendFailed: counter(`otelcol_exporter_send_failed_${unit}`),
    enqueueFailed: counter(`otelcol_exporter_enqueue_failed_${unit}`),
  });
  const ofSpans = outcomes("spans");
  const ofProfiles = outcomes("profiles");
  const queueSize = gauge("otelcol_exporter_queue_size");
  const queueCapacity = gauge("otelcol_exporter_queue_capacity");
  const inFlight = gauge("otelcol_exporter_in_flight_requests");
  const exported = [...Object.values(ofSpans), ...Object.values(ofProfiles)];
  const counters = [acceptedSpans, refusedSpans, samples, incoming, outgoing, ...exported];
  observe(meter, [...counters, queueSize, queueCapacity, inFlight], (result) => {
    for (const [receiver, count] of accepted) {
      result.observe(acceptedSpans, count, { receiver, transport: "kernel" });
      // A pipeline can't push back on a kernel: nothing is ever refused.
      result.observe(refusedSpans, 0, { receiver, transport: "kernel" });
    }
    for (const [receiver, count] of acceptedSamples) result.observe(samples, count, { receiver, transport: "kernel" });
    for (const { id, account } of processors) {
      result.observe(incoming, account.in, { processor: id, otel_signal: "traces" });
      result.observe(outgoing, account.out, { processor: id, otel_signal: "traces" });
    }
    for (const { id, account, state } of exporters) {
      const { sent, sendFailed, enqueueFailed } = account.unit === "profiles" ? ofProfiles : ofSpans;
      const labels = { exporter: id };
      // One id in two pipelines is two queues.
      const queueLabels = account.unit === "profiles" ? { ...labels, data_type: "profiles" } : labels;
      const lost = [...account.lost];
      const sum = (isWanted: (reason: string) => boolean) =>
        lost.reduce((total, [reason, count]) => total + (isWanted(reason) ? count : 0), 0);
      result.observe(sent, account.out, labels);
      result.observe(
        sendFailed,
        sum((reason) => !ENQUEUE_FAILURES.has(reason)),
        labels,
      );
      result.observe(
        enqueueFailed,
        sum((reason) => ENQUEUE_FAILURES.has(reason)),
        labels,
      );
      if (state === undefined) continue;
      result.observe(queueSize, state.queueSize, queueLabels);
      result.observe(queueCapacity, state.queueCapacity, queueLabels);
      result.observe(inFlight, state.inFlightRequests, queueLabels);
    }
  });
}

function observeProcess(meter: Meter): void {
  const uptime = meter.createObservableCounter("otelcol_process_uptime_seconds");
  const cpu = meter.createObservableCounter("otelcol_process_cpu_seconds");
  const resident = meter.createObservableGauge("otelcol_process_memory_rss_bytes");
  const heap = meter.createObservableGauge("otelcol_process_runtime_heap_alloc_bytes");
  observe(meter, [uptime, cpu, resident, heap], (result) => {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    result.observe(uptime, process.uptime());
    result.observe(cpu, (user + system) / 1e6);
    result.observe(resident, rss);
    result.observe(heap, heapUsed);
  });
}
