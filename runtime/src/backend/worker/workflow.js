// Workflows: their classes, and the steps whose attempts run in Wasm.

import { WorkflowEntrypoint } from "cloudflare:workers";

/** Derives the class of an instance from the class by which the platform knows Workflows. */
export function deriveWorkflow({ constructor }) {
  Object.setPrototypeOf(constructor.prototype, WorkflowEntrypoint.prototype);
  Object.setPrototypeOf(constructor, WorkflowEntrypoint);
}

/** Starts a step. Wasm asks for its attempts with `next`, runs each, and then asks for the `outcome`. */
export function startStep(step, name, config) {
  const attempts = [];
  let current, ended, wake;
  const changed = () => wake?.();
  const attempt = () => new Promise((resolve, reject) => {
    attempts.push({ resolve, reject });
    changed();
  });
  step.do(name, config, attempt).then(
    (value) => { ended = { json: JSON.stringify(value) ?? "null" }; changed(); },
    (error) => { ended = { error }; changed(); },
  );
  return {
    /** Resolves with true when an attempt starts, and with false when the step has ended. */
    next: () => new Promise((resolve) => {
      const check = () => {
        if (ended !== undefined) return resolve(false);
        if (attempts.length === 0) return;
        // The platform has given up an earlier one.
        current = attempts.pop();
        attempts.length = 0;
        wake = undefined;
        resolve(true);
      };
      wake = check;
      check();
    }),
    finish: (json) => current.resolve(JSON.parse(json)),
    fail: (isFinal, message) => current.reject(errorOf(isFinal, message)),
    /** Returns the result as JSON, or the error. */
    outcome: () => [ended.json, ended.error],
  };
}

/** Creates an error, which the platform keeps by its name and its message. */
export function errorOf(isFinal, message) {
  const error = new Error(message);
  // The platform recognizes the error by this name.
  if (isFinal) error.name = "NonRetryableError";
  return error;
}

/** Waits for an event. Returns its content as JSON, and when it arrived. */
export async function waitForEvent(step, name, type, timeout) {
  const event = await step.waitForEvent(name, { type, timeout });
  return [JSON.stringify(event.payload) ?? "null", event.timestamp];
}

/** Returns the error of a status as text. */
export function errorText(error) {
  if (error === null || error === undefined) return undefined;
  if (typeof error === "string") return error;
  return error.message ?? JSON.stringify(error);
}
