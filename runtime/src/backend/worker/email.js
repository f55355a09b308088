// Emails that the worker receives.

import { EmailMessage } from "cloudflare:email";

/** Reads the whole email. */
export async function readEmail(message) {
  return new Uint8Array(await new Response(message.raw).arrayBuffer());
}

/** Sends a reply, which is an email as text. */
export function replyToEmail(message, from, to, raw) {
  return message.replyOfTest?.(raw) ?? message.reply(new EmailMessage(from, to, raw));
}

/** Creates the email of a test, which notes what the handler does with it. */
export function createEmail(from, to, bytes) {
  const outcome = { rejected: null, forwarded: [], replies: [] };
  const [head] = new TextDecoder().decode(bytes).split(/\r?\n\r?\n/, 1);
  const lines = head.replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/);
  const headers = lines.map((line) => /^([^:\s]+):\s*(.*)$/.exec(line)).filter(Boolean);
  return {
    from,
    to,
    raw: bytes,
    rawSize: bytes.length,
    headers: new Headers(headers.map(([, name, value]) => [name, value])),
    outcome,
    setReject: (reason) => { outcome.rejected = reason; },
    forward: async (recipient) => { outcome.forwarded.push(recipient); },
    replyOfTest: async (raw) => { outcome.replies.push(raw); },
  };
}
