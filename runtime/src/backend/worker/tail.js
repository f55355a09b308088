// Traces of other workers.

import { env, waitUntil } from "cloudflare:workers";

// The platform passes neither to a tail handler of a class that has no constructor of its own.
export const environment = () => env;
export const tailContext = () => ({ waitUntil });

const logOf = ({ level, message, timestamp }) => ({ level, message, timestamp });
const exceptionOf = ({ name, message, timestamp }) => ({ name, message, timestamp });

/** What called a worker. Its properties are those of a prototype, which JSON omits. */
function eventOf(event) {
  if (!event) return null;
  const found = {};
  for (const name of ["cron", "scheduledTime", "queue", "batchSize", "mailFrom", "rcptTo", "rawSize", "rpcMethod"]) if (event[name] !== undefined) found[name] = event[name];
  const { request, response } = event;
  if (request) found.request = { method: request.method, url: request.url, headers: request.headers };
  if (response) found.response = { status: response.status };
  return found;
}

/** The JSON of traces. */
export function tracesOf(items) {
  return JSON.stringify(items.map((item) => ({
    scriptName: item.scriptName,
    entrypoint: item.entrypoint,
    outcome: item.outcome,
    eventTimestamp: item.eventTimestamp,
    event: eventOf(item.event),
    logs: (item.logs ?? []).map(logOf),
    exceptions: (item.exceptions ?? []).map(exceptionOf),
    cpuTime: item.cpuTime,
    wallTime: item.wallTime,
  })));
}
