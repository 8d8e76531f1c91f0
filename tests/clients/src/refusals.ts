// Refusals, told apart by the compiler: a member that the schema gains fails here until it is treated.

import type { LaunchMutation } from './gql/graphql.ts';

type Refusal = LaunchMutation['launchExecution']['errors'][number];

/** What an app would tell its user. */
export function reasonOf(error: Refusal): string {
  switch (error.__typename) {
    case 'InputValidationError':
      return `input: ${error.issues.map(({ pointer, keyword }) => `${pointer} ${keyword}`).join(', ')}`;
    case 'FileRejectedError':
      return `file ${error.filename}: ${error.rule}`;
    case 'IdempotencyConflictError':
      return `key in use: ${error.code}`;
    case 'ExecutionTypeMismatchError':
      return `no such type: has ${error.availableKeys.join(', ')}`;
    case 'SchemaVersionConflictError':
      return 'schema changed';
    case 'AgentRetiredError':
      return `retired: ${error.agent.retiredAt}`;
    case 'InvalidArgumentError':
      return `argument: ${error.path?.join('.')}`;
    case 'NotFoundError':
      return `not found: ${error.path?.join('.')}`;
    case 'NotAllowedError':
      return 'not allowed';
    default:
      return unknownMember(error);
  }
}

/** Compiles only while every member has a case. At run time an older client falls back on the message. */
const unknownMember = (error: never): string => (error as { message: string }).message;
