import { isObject, type JsonValue } from './json';

/** The model that an agent runs on: its own choice, or else its type's. Unknown where the type is not registered. */
export function modelOf(agent: { configuration: JsonValue; agentType?: { model: string } | null }): string | undefined {
  const { configuration, agentType } = agent;
  const own = isObject(configuration) ? configuration.model : undefined;
  return typeof own === 'string' ? own : agentType?.model;
}
