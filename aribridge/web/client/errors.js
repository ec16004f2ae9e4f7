/** What went wrong with a command, or with the connection; the fields are those of the protocol's `error` object. */
export class AriError extends Error {
  constructor(error, body) {
    super(error.detail || error.code);
    this.name = "AriError";
    const { code, status = 0, source = "client", outcome = "not_applied", retry = "never", after_ms = 0 } = error;
    Object.assign(this, { code, detail: this.message, status, source, outcome, retry, afterMs: after_ms, body });
  }
}

/** An error that this client found itself. */
export function failure(code, detail, more) {
  return new AriError({ code, detail, ...more });
}

/** The error that a reply carries, or null: the gateway's, or Asterisk's own with its body. */
export function errorOf({ status, body, error }) {
  if (!error && !(status >= 400)) return null;
  return new AriError({ code: "asterisk_error", source: "asterisk", status, detail: body?.message, ...error }, body);
}

/** A refusal of who we are or where we come from: neither another carrier nor another try would help. */
export const isRefusal = (error) => error.retry !== "after" && (error.status === 401 || error.status === 403);
