import { parseAgentUsername } from './credential.ts';
import { filterCovers, filterMatches, filterProblem, topicProblem } from './topic-filter.ts';

/** What an agent of a machine may do on the bus, as topic filters. */
export interface AgentAccess {
  /** Its will is published under the same rule. */
  readonly publish: (machine: string) => readonly string[];
  readonly subscribe: (machine: string) => readonly string[];
}

/** Whether this user, `post01/17`, may publish there. Nobody may who is not an agent. */
export function mayPublish(access: AgentAccess, username: string, topic: string): boolean {
  const agent = parseAgentUsername(username);
  if (agent === undefined || topicProblem(topic) !== undefined) return false;
  return access.publish(agent.machine).some((rule) => filterMatches(rule, topic));
}

/** Whether all that this filter could ever hear is for this user. A shared subscription (`$share/...`) never is. */
export function maySubscribe(access: AgentAccess, username: string, filter: string): boolean {
  const agent = parseAgentUsername(username);
  if (agent === undefined || filterProblem(filter) !== undefined) return false;
  return access.subscribe(agent.machine).some((rule) => filterCovers(rule, filter));
}
