// The shapes that everything here shares: GraphQL results and operations, and the parts of our schema that the glue
// reads. Types only; whatever a client generates for itself fits them, for they ask for no more than they need.

/** An entry of `errors`. `extensions.code` is one of the codes in README.md, "For clients". */
export interface GraphQLFault {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** One result: the answer to a query, or one event of a subscription. */
export interface Result<Data = Record<string, unknown>> {
  readonly data?: Data | null;
  readonly errors?: readonly GraphQLFault[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** What goes over the wire. */
export interface Operation {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
  readonly operationName?: string | null | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | null | undefined;
}

/** Who listens. */
export interface Sink<Value> {
  next(value: Value): void;
  error(error: unknown): void;
  complete(): void;
}

/** Which streams run. `Live` knows. */
export interface Streams {
  /** Whether one of this field does, whose arguments are such. */
  isFollowing(field: string, isMeant: (args: Readonly<Record<string, unknown>>) => boolean): boolean;
}

/** An order of executions; `ExecutionOrder` in the schema. */
export interface Order {
  readonly field: 'CREATED_AT' | 'STARTED_AT' | 'FINISHED_AT' | 'DURATION';
  readonly direction: 'ASC' | 'DESC';
}

/** The least that a row must select: `id`, `revision`, and the field that the list is ordered by. */
export interface Row {
  readonly id: string;
  readonly revision: number;
  readonly createdAt?: string | null;
  readonly startedAt?: string | null;
  readonly finishedAt?: string | null;
  readonly durationMs?: number | null;
}

/** A row and its place. */
export interface Edge<Node> {
  readonly cursor: string;
  readonly node: Node;
}

/** Where a page lies. */
export interface PageInfo {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly startCursor?: string | null;
  readonly endCursor?: string | null;
}

/** How many executions are in a status. */
export interface StatusCount {
  readonly status: string;
  readonly count: number;
  readonly isExact: boolean;
}

/** A page of `executions`. */
export interface Connection<Node> {
  readonly edges: readonly Edge<Node>[];
  readonly pageInfo: PageInfo;
  readonly streamCursor: string;
  readonly totalCount?: number | null;
  readonly statusCounts?: readonly StatusCount[] | null;
}

/** One entry of a frame. Select `__typename`. */
export type Change<Node> =
  | { readonly __typename?: 'ExecutionEntered' | 'ExecutionUpdated'; readonly edge: Edge<Node> }
  | {
      readonly __typename?: 'ExecutionLeft';
      readonly executionId: string;
      readonly execution?: { readonly id: string; readonly revision: number } | null;
    };

/** An event of `executionsChanged`. */
export interface Frame<Node> {
  readonly cursor: string;
  readonly resync: boolean;
  readonly changes: readonly Change<Node>[];
  readonly totalCount?: number | null;
  readonly statusCounts?: readonly StatusCount[] | null;
}
