import { describe, expect, test } from 'vitest';
import { type Filters, filterInput, isFiltered, NO_FILTERS, readFilters, writeFilters } from './filters';

const NOW = Date.parse('2026-03-10T12:34:56.789Z');

describe('an address', () => {
  test('holds every filter, and gives it back', () => {
    const filters: Filters = {
      statuses: ['PENDING', 'FAILED'],
      agents: ['agt_1', 'agt_2'],
      types: ['order-intake'],
      labels: ['nightly', 'a b&c=d'],
      failures: ['VALIDATION_FAILED', 'TIMED_OUT'],
      users: ['usr_1'],
      span: undefined,
      from: '2026-03-01',
      to: '2026-03-05',
      search: 'exe_0',
    };
    expect(readFilters(new URLSearchParams(writeFilters(filters).toString()))).toEqual(filters);
  });

  test('without filters is empty', () => {
    expect(writeFilters(NO_FILTERS).toString()).toBe('');
    expect(isFiltered(NO_FILTERS)).toBe(false);
    expect(readFilters(new URLSearchParams())).toEqual(NO_FILTERS);
  });

  test('that makes no sense shows what is left of it', () => {
    const read = readFilters(new URLSearchParams('status=nonsense&status=failed&failure=bad_luck&span=9y&from=yesterday&label=&to=2026-99-99'));
    expect(read).toEqual({ ...NO_FILTERS, statuses: ['FAILED'] });
  });

  test('is one for one list, whatever order it was chosen in', () => {
    const search = (query: string) => writeFilters(readFilters(new URLSearchParams(query))).toString();
    expect(search('status=failed&status=pending')).toBe(search('status=pending&status=failed'));
  });

  test('a span stands instead of days', () => {
    expect(readFilters(new URLSearchParams('span=24h&from=2026-03-01')).from).toBeUndefined();
  });
});

describe('the API', () => {
  test('is asked for nothing that was not chosen', () => {
    expect(JSON.parse(JSON.stringify(filterInput(NO_FILTERS, 'set_1', NOW)))).toEqual({ dataSetIds: ['set_1'] });
  });

  test('takes both days whole, in the zone of the viewer', () => {
    const input = filterInput({ ...NO_FILTERS, from: '2026-03-01', to: '2026-03-01' }, 'set_1', NOW);
    const { from, to } = input.createdAt ?? {};
    expect(new Date(from ?? '').getHours()).toBe(0);
    expect(Date.parse(to ?? '') - Date.parse(from ?? '')).toBe(24 * 3_600_000);
  });

  test('is asked the same within a minute', () => {
    const at = (now: number) => filterInput({ ...NO_FILTERS, span: '1h' }, 'set_1', now);
    expect(at(NOW)).toEqual(at(NOW + 1_000));
    expect(at(NOW).createdAt?.from).toBe('2026-03-10T11:34:00.000Z');
  });
});
