/**
 * The limits of one node for its clients. Each limit keeps a slow or hostile client from using up
 * memory that others need.
 */
const mebibyte: number = 1024 * 1024;

export interface ApiLimits {
  /** Connections at a time; further ones are closed at once. Default: 2048. */
  readonly connectionsMax: number;
  /** Calls at a time, pipelined ones included; further ones are `API_BUSY`. Default: 4096. */
  readonly callsMax: number;
  /**
   * Bytes of bodies and of large answers that all calls hold together; beyond: `API_BUSY`. Default:
   * 256 MiB.
   */
  readonly heldBytesMax: number;
  /**
   * The size of the path and all headers of a request; above it the answer is
   * `API_HEADERS_TOO_LARGE`. Default: 16 KiB.
   */
  readonly headerBytesMax: number;
  /** For the headers of a request to arrive. Default: 10,000 ms. */
  readonly headersTimeoutMs: number;
  /** For a whole request to arrive: slow writers. Default: 30,000 ms. */
  readonly requestTimeoutMs: number;
  /** For a large answer to be taken: slow readers. The connection ends then. Default: 30,000 ms. */
  readonly answerTimeoutMs: number;
  /** How long a connection waits for its next request. Default: 30,000 ms. */
  readonly keepAliveTimeoutMs: number;
  /**
   * Until a call is answered with `API_DEADLINE`. A write may take effect behind it. Default:
   * 10,000 ms.
   */
  readonly deadlineMs: number;
  /** The same for calls that may take long: membership, snapshots, digests. Default: 60,000 ms. */
  readonly longDeadlineMs: number;
  /** For answers that are under way when the server is closed. Default: 1000 ms. */
  readonly closeGraceMs: number;
}

export const defaultApiLimits: ApiLimits = {
  connectionsMax: 2048,
  callsMax: 4096,
  heldBytesMax: 256 * mebibyte,
  headerBytesMax: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  answerTimeoutMs: 30_000,
  keepAliveTimeoutMs: 30_000,
  deadlineMs: 10_000,
  longDeadlineMs: 60_000,
  closeGraceMs: 1000,
};
