// The core: what needs no framework. `./apollo.ts` and `./urql.ts` put it into their caches.

export { badgeOf, Live, RefusedError, type LiveOptions, type LiveState, type Way } from './live.ts';
export { selectionOf } from './documents.ts';
export { eventsOf, type ServerSentEvent } from './event-stream.ts';
export { Newest, type Brought, type Selected, type Selection } from './newest.ts';
export { comparePlaces, fieldOf, NEWEST_FIRST, placeOf, type Place } from './order.ts';
export {
  applyChanges,
  applyFrame,
  listOf,
  pageInfoOf,
  withNewer,
  withNextPage,
  withRecent,
  type PagedList,
} from './paged-list.ts';
export { twinOf, type Poll, type Twin } from './twins.ts';
export type * from './types.ts';
