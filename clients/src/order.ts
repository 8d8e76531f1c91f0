// The order of executions, as the server has it: by the field, then by id in the same direction; rows without a value
// come last both ways. Never sorts by anything that a row does not hold: a row that did not select the field is an
// error, for it would be put in the wrong place.

import type { Order, Row } from './types.ts';

/** What `executions` is ordered by when nothing is asked for. */
export const NEWEST_FIRST: Order = { field: 'CREATED_AT', direction: 'DESC' };

const FIELDS = {
  CREATED_AT: 'createdAt',
  STARTED_AT: 'startedAt',
  FINISHED_AT: 'finishedAt',
  DURATION: 'durationMs',
} as const satisfies Record<Order['field'], keyof Row>;

/** The field of an execution that an order needs. */
export const fieldOf = (order: Order) => FIELDS[order.field];

/** Where a row stands in an order: the value (milliseconds, or null) and the id. */
export interface Place {
  readonly value: number | null;
  readonly id: string;
}

/** Where a row stands. Throws when the row did not select the order's field. */
export function placeOf(row: Row, order: Order): Place {
  const field = fieldOf(order);
  const value = row[field];
  if (value === undefined) {
    throw new TypeError(`execution ${row.id} does not select \`${field}\`, which the list is ordered by`);
  }
  return { value: typeof value === 'string' ? Date.parse(value) : value, id: row.id };
}

/** Below 0 when `a` comes before `b`. */
export function comparePlaces(a: Place, b: Place, direction: Order['direction']): number {
  const sign = direction === 'ASC' ? 1 : -1;
  if (a.value !== b.value) {
    if (a.value === null) return 1;
    if (b.value === null) return -1;
    return a.value < b.value ? -sign : sign;
  }
  // Ids compare bytewise on the server; they are ASCII.
  return a.id === b.id ? 0 : a.id < b.id ? -sign : sign;
}
