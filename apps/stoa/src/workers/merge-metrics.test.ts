import { expect, it } from 'vitest';
import { mergeMetrics } from './merge-metrics.ts';

it('metrics of workers are one page: a family stands together, a sample tells its worker', () => {
  const page = (sessions: number) => `# HELP stoa_sessions Sessions {now}.
# TYPE stoa_sessions gauge
stoa_sessions ${sessions}
# HELP stoa_time Time.
# TYPE stoa_time histogram
stoa_time_bucket{le="1",name="a b"} 2
stoa_time_count{} 2 1700000000000
`;
  const merged = mergeMetrics(
    new Map([
      [1, page(3)],
      [2, `${page(4)}# UNKNOWN comment\n# TYPE stoa_other counter\nstoa_other 1\n`],
    ]),
  );
  expect(merged).toBe(`# HELP stoa_sessions Sessions {now}.
# TYPE stoa_sessions gauge
stoa_sessions{worker="1"} 3
stoa_sessions{worker="2"} 4
# HELP stoa_time Time.
# TYPE stoa_time histogram
stoa_time_bucket{worker="1",le="1",name="a b"} 2
stoa_time_count{worker="1"} 2 1700000000000
stoa_time_bucket{worker="2",le="1",name="a b"} 2
stoa_time_count{worker="2"} 2 1700000000000
# TYPE stoa_other counter
stoa_other{worker="2"} 1
`);
});
