import type { IncomingMessage, ServerResponse } from 'node:http';
import type { MeterProvider as AnyMeterProvider, Attributes } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { describe, expect, it, vi } from 'vitest';
import { PlainMeters } from './plain-meters.ts';
import { SeriesMap } from './series.ts';

function page(exporter: PrometheusExporter): Promise<string[]> {
  return new Promise((resolve) => {
    const response = { setHeader: () => {}, end: (text: string) => resolve(text.split('\n').filter((line) => line)) };
    exporter.getMetricsRequestHandler({} as IncomingMessage, response as unknown as ServerResponse);
  });
}

/** The page that a meter provider makes of what `count` counts. */
async function pageOf(kind: 'plain' | 'sdk', count: (provider: AnyMeterProvider) => void): Promise<string[]> {
  const meters = new PlainMeters();
  const exporter = new PrometheusExporter({
    preventServerStart: true,
    metricProducers: kind === 'plain' ? [meters] : [],
  });
  const sdk = new MeterProvider({ readers: [exporter] });
  meters.sdk = sdk;
  count(kind === 'plain' ? meters : sdk);
  return page(exporter);
}

function countAll(provider: AnyMeterProvider): void {
  const meter = provider.getMeter('@stoa/test', '1');
  const messages = meter.createCounter('messages', { description: 'Messages.', unit: 'By' });
  messages.add(2, { listener: 'mx', result: 'accepted' });
  messages.add(1, { result: 'accepted', listener: 'mx' });
  messages.add(5);
  messages.add(-1);
  const duration = meter.createHistogram('duration', {
    unit: 's',
    advice: { explicitBucketBoundaries: [0.1, 1, 10] },
  });
  for (const value of [0, 0.1, 0.11, 1, 9, 1000, -1, Number.NaN]) duration.record(value, { kind: 'a"b' });
  meter.createHistogram('sizes').record(30);
  meter.createCounter('never');
  meter.createUpDownCounter('open').add(3);
  meter.createObservableGauge('now').addCallback((result) => result.observe(7, { state: 'alive' }));
  provider.getMeter('@stoa/test', '1').createHistogram('sizes').record(31);
  provider.getMeter('@stoa/other').createCounter('messages').add(1);
}

describe('counters and histograms', () => {
  it('make the same page as those of the SDK', async () => {
    const expected = await pageOf('sdk', countAll);
    expect(expected.length).toBeGreaterThan(30);
    const own = await pageOf('plain', countAll);
    expect(own.toSorted()).toEqual(expected.toSorted());
  });

  it('add up from page to page', async () => {
    const meters = new PlainMeters();
    const exporter = new PrometheusExporter({ preventServerStart: true, metricProducers: [meters] });
    meters.sdk = new MeterProvider({ readers: [exporter] });
    const counter = meters.getMeter('x').createCounter('runs');
    counter.add(1, { result: 'done' });
    expect(await page(exporter)).toContain('runs_total{result="done",otel_scope_name="x"} 1');
    counter.add(2, { result: 'done' });
    expect(await page(exporter)).toContain('runs_total{result="done",otel_scope_name="x"} 3');
  });

  it('make nothing of attributes that were seen before', () => {
    const make = vi.fn((attributes: Attributes) => ({ attributes }));
    const map = new SeriesMap(make);
    const one = map.get({ command: 'NOOP', result: 'OK' });
    const join = vi.spyOn(JSON, 'stringify');
    try {
      for (let i = 0; i < 10; i++) expect(map.get({ command: 'NOOP', result: 'OK' })).toBe(one);
      expect(join).not.toHaveBeenCalled();
    } finally {
      join.mockRestore();
    }
    expect(map.get({ result: 'OK', command: 'NOOP' })).toBe(one);
    expect(map.get({ command: 'NOOP' })).not.toBe(one);
    expect(map.get(undefined)).toBe(map.get({}));
    expect(make).toHaveBeenCalledTimes(3);
  });

  it('hold two thousand sets of attributes, and one for all others', () => {
    const map = new SeriesMap((attributes) => ({ attributes }));
    for (let i = 0; i < 5_000; i++) map.get({ address: `192.0.2.${i}` });
    expect(map.size).toBe(2_000);
    expect(map.get({ address: 'new' }).attributes).toEqual({ 'otel.metric.overflow': true });
    expect(map.get({ address: '192.0.2.1' }).attributes).toEqual({ address: '192.0.2.1' });
  });

  it('find lists of the same values', () => {
    const map = new SeriesMap((attributes) => ({ attributes }));
    const one = map.get({ names: ['a', 'b'] });
    expect(map.get({ names: ['a', 'b'] })).toBe(one);
    expect(map.get({ names: ['b'] })).not.toBe(one);
  });
});
