import type { IncomingMessage, ServerResponse } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { context, metrics, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { CoreConfig } from '../config/sections.ts';
import { PlainMeters } from './plain-meters.ts';
import { ServiceTracerProvider } from './service-scope.ts';

export interface TelemetryOptions {
  config: CoreConfig['telemetry'];
  nodeId: string;
  version: string;
  services: readonly string[];
}

export interface Telemetry {
  /** Answers a request with the metrics in Prometheus' text format. */
  handleMetrics(request: IncomingMessage, response: ServerResponse): void;
  /** Sends what is still held. Ends within some seconds, whatever the receiver does. */
  shutdown(): Promise<void>;
}

/**
 * Sets up tracing and metrics for this process: the one place that knows the SDK. Without an OTLP endpoint no tracer provider
 * and no context manager are installed, so that spans cost next to nothing.
 */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  const stopTracing = options.config['otlp-endpoint'] === undefined ? undefined : startTracing(options);
  const meters = new PlainMeters();
  const exporter = new PrometheusExporter({ preventServerStart: true, prefix: 'stoa', metricProducers: [meters] });
  const meterProvider = new MeterProvider({ resource: resourceOf('stoa', options), readers: [exporter] });
  meters.sdk = meterProvider;
  metrics.setGlobalMeterProvider(meters);
  const stopProcessMetrics = measureProcess();
  return {
    handleMetrics: (request, response) => exporter.getMetricsRequestHandler(request, response),
    async shutdown() {
      stopProcessMetrics();
      await Promise.allSettled([stopTracing?.(), meterProvider.shutdown()]);
      metrics.disable();
    },
  };
}

function resourceOf(service: string, { nodeId, version }: TelemetryOptions) {
  return resourceFromAttributes({ 'service.name': service, 'service.instance.id': nodeId, 'service.version': version });
}

function startTracing(options: TelemetryOptions): () => Promise<void> {
  const endpoint = options.config['otlp-endpoint'] as string;
  const processor = new BatchSpanProcessor({
    exporter: new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces`, timeoutMillis: 3000 }),
    scheduledDelayMillis: options.config['export-interval'],
    maxQueueSize: 16_384,
  });
  const sampler = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.config['sample-ratio']) });
  const make = (service: string) =>
    new TracerProvider({ resource: resourceOf(service, options), sampler, spanProcessors: [processor] });
  const providers = new Map(options.services.map((service) => [service, make(`stoa-${service}`)]));
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(new ServiceTracerProvider(providers, make('stoa')));
  return async () => {
    await processor.shutdown();
    trace.disable();
    context.disable();
    propagation.disable();
  };
}

/** What every process tells of itself. */
function measureProcess(): () => void {
  const meter = metrics.getMeter('@stoa/service-kit');
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  meter
    .createObservableGauge('process_event_loop_delay_p99', {
      unit: 's',
      description: 'How late the event loop was, 99th percentile since the last scrape.',
    })
    .addCallback((result) => {
      result.observe(delay.percentile(99) / 1e9);
      delay.reset();
    });
  meter
    .createObservableGauge('process_resident_memory', { unit: 'By', description: 'Memory that the process holds.' })
    .addCallback((result) => result.observe(process.memoryUsage.rss()));
  meter
    .createObservableGauge('process_heap_used', { unit: 'By', description: 'JavaScript heap in use.' })
    .addCallback((result) => result.observe(process.memoryUsage().heapUsed));
  meter
    .createObservableCounter('process_cpu', { unit: 's', description: 'Processor time, user and system.' })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe((user + system) / 1e6);
    });
  return () => delay.disable();
}
