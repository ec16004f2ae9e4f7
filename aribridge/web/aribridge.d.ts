/** Types of aribridge.js. Those of Asterisk's operations, objects and events are generated, in ari.d.ts. */

import type { Bridge as AriBridge, Channel, DeviceState, Endpoint, LiveRecording, Playback } from "./ari.js";
import type { Event, Events, Operations } from "./ari.js";

export type * from "./ari.js";

export interface ConnectOptions {
  /** The gateway's address, such as "https://gateway.example". Default: where aribridge.js was loaded from. */
  url?: string;
  /**
   * A token, or a function that fetches a fresh one, within 30 seconds: called for each connection, and before the token
   * expires.
   */
  token: string | (() => string | Promise<string>);
  /**
   * "auto" takes a data channel, or a WebSocket where that is not open within three seconds; from there it tries a data
   * channel again from time to time, and moves to it without a break. Default: "auto".
   */
  carrier?: "auto" | "datachannel" | "websocket";
  /** The Asterisk to talk to, by its name in the gateway's configuration. Needed only where there are several. */
  target?: string;
  /** STUN and TURN servers, in addition to those that the gateway names. */
  iceServers?: readonly object[];
  /** The WebSocket class, where there is no global one (Node 20). */
  WebSocket?: unknown;
}

/**
 * Connect to a gateway. Rejects with AriError if it does not let us in, and with what the token function threw; later
 * losses are mended without your doing.
 */
export function connect(options: ConnectOptions): Promise<Bridge>;

export type State = "connecting" | "open" | "waiting" | "closed";
export type Carrier = "datachannel" | "websocket";

export interface Bridge {
  /** ARI's operations by their own names, and listeners for its events. */
  readonly ari: Ari;
  readonly state: State;
  /** Why the state is what it is. */
  readonly reason: string;
  readonly carrier: Carrier | null;
  readonly welcome: Welcome | null;
  /** When the token in use expires. */
  readonly expiresAt: Date | null;
  readonly subscriptions: readonly Subscription[];
  /** Run an operation by its id, such as "channels.hangup"; resolves with the whole reply. */
  call(op: string, params?: Record<string, unknown>, options?: CommandOptions): Promise<Reply>;
  /** Run an operation by method and path, without /ari; resolves with the whole reply. */
  request(method: string, path: string, options?: RequestOptions): Promise<Reply>;
  /** Send data to the gateway's scripts; resolves with what their on_message returned. */
  message(data: unknown): Promise<any>;
  /** Receive the events that pass a filter; resolves when they flow. */
  subscribe(options?: SubscribeOptions): Promise<Subscription>;
  /** Follow the state of calls; resolves when it is there, and stays right from then on. */
  callState(options?: CallStateOptions): Promise<CallState>;
  on<K extends keyof BridgeEvents>(type: K, listener: (value: BridgeEvents[K]) => void): void;
  once<K extends keyof BridgeEvents>(type: K, listener: (value: BridgeEvents[K]) => void): void;
  off<K extends keyof BridgeEvents>(type: K, listener: (value: BridgeEvents[K]) => void): void;
  /** Leave for good. */
  close(): void;
}

export interface BridgeEvents {
  state: { state: State; reason: string; carrier: Carrier | null };
  /** From a script. */
  message: any;
  gap: Gap;
  goodbye: { code: number; slug: string; reconnect: "now" | "elsewhere" | "reauth" | "never"; after_ms: number; detail: string };
  /**
   * What went wrong with nobody waiting: a subscription that was refused (an AriError), a token that could not be renewed
   * (what the token function threw).
   */
  error: AriError | Error;
}

export type Ari = Operations & {
  /** Listen to the events of a type ("*": all). The listeners of `ari` share one subscription to everything. */
  on<K extends string>(type: K, listener: EventListener<K>): void;
  once<K extends string>(type: K, listener: EventListener<K>): void;
  off<K extends string>(type: K, listener: EventListener<K>): void;
};

export type EventListener<K extends string> = (event: K extends keyof Events ? Events[K] : Event, meta: Meta) => void;

/** What an event's message says beside the event. */
export interface Meta extends Position {
  target: string | undefined;
  subscription: Subscription;
}

/** A place in a target's stream of events. */
export interface Position {
  epoch: string;
  seq: number;
}

export interface CommandOptions {
  /** Time for Asterisk to answer, in milliseconds. */
  timeout?: number;
  /** Commands of the same lane run one after another, in order. */
  lane?: string;
  target?: string;
  /**
   * The command is carried out once, however often it is sent with this key. If the connection is lost before the
   * reply, it is sent again by itself.
   */
  key?: string;
  /** What becomes of the channel or bridge that the command makes when this page is gone. */
  own?: Own;
}

export interface Own {
  /** Default: "hangup" for snoops, "keep" for all else. */
  onLoss?: "keep" | "hangup";
  /** How long the page may be away, in milliseconds; at most an hour. Default: 30000. */
  graceMs?: number;
}

export interface RequestOptions extends CommandOptions {
  query?: Record<string, unknown>;
  body?: Record<string, unknown>;
}

export interface Reply {
  status: number;
  /** ARI's own body. */
  body: any;
  /** The head of the stream when Asterisk's answer was read. */
  pos?: Position;
  /** It is what an earlier command with the same key caused. */
  replayed?: boolean;
}

export interface SubscribeOptions {
  /** Keys are ANDed, the values of a key are ORed; values may hold "*". */
  filter?: Record<string, readonly string[]>;
  target?: string;
  onEvent?: (event: Event, meta: Meta) => void;
  /** Events were missed. */
  onGap?: (gap: Gap) => void;
}

export interface CallStateOptions {
  /** Selects objects: by the keys of events' filters, but for type. */
  filter?: Record<string, readonly string[]>;
  target?: string;
  /** After each change, told as the gateway sends it; null: everything is new. */
  onChange?: (state: CallState, changes: readonly StateChange[] | null) => void;
  onGap?: (gap: Gap) => void;
}

/** A channel of the call state; `owner` is the script whose call flow owns the call. */
export interface StateChannel extends Channel {
  aribridge?: { owner: string };
}

/** What there is, by id: endpoints by "TECH/resource", device states and live recordings by name. */
export interface CallState {
  readonly channels: Readonly<Record<string, StateChannel>>;
  readonly bridges: Readonly<Record<string, AriBridge>>;
  readonly endpoints: Readonly<Record<string, Endpoint>>;
  readonly deviceStates: Readonly<Record<string, DeviceState>>;
  readonly playbacks: Readonly<Record<string, Playback>>;
  readonly recordings: Readonly<Record<string, LiveRecording>>;
  /** Whether it is all there and goes on. */
  readonly live: boolean;
  close(): void;
}

export interface StateChange {
  kind: "channels" | "bridges" | "endpoints" | "deviceStates" | "playbacks" | "recordings";
  id: string;
  put?: any;
  merge?: any;
  remove?: true;
}

export interface Subscription {
  readonly filter: Record<string, readonly string[]>;
  readonly target: string | undefined;
  readonly position: Position | null;
  /** How often events were missed. */
  readonly gaps: number;
  /** "wait": the gateway has lost its Asterisk at the moment. */
  readonly state: "pending" | "live" | "replay" | "snapshot" | "wait" | "closed";
  close(): void;
}

export interface Gap {
  was: Position;
  now: Position;
  reason: string;
  next: "live" | "wait" | "snapshot";
  subscription: Subscription;
}

export interface Welcome {
  connection: string;
  /** Whether the gateway remembers the connection before this one: keys hold, and what it owned is this one's. */
  resumed?: boolean;
  server: string;
  user: { sub: string; tenant: string | null; roles: string[]; endpoints: string[] };
  targets: { name: string; app: string; asterisk: string; up: boolean }[];
  /** Seconds until the token expires. */
  expires_in: number | null;
  ping: { every: number; timeout: number };
  limits: { frame: number; inflight: number; subscriptions: number };
}

/** What went wrong with a command, or with the connection. */
export class AriError extends Error {
  /** HTTP status; 0 for what this client found itself. */
  readonly status: number;
  /** One of the codes of the protocol page, or the client's own: connection_lost, not_connected, unreachable, closed, refused. */
  readonly code: string;
  readonly detail: string;
  readonly source: "gateway" | "script" | "asterisk" | "client";
  /** What is known to have happened. */
  readonly outcome: "not_applied" | "applied" | "unknown";
  readonly retry: "never" | "now" | "after";
  /** Milliseconds to wait before a retry. */
  readonly afterMs: number;
  /** ARI's own error body, where Asterisk refused. */
  readonly body: any;
}
