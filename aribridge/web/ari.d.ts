// Made by `python -m aribridge.web.typescript` from the API description of ARI 10.0.0; do not edit.

import type { CommandOptions } from "./aribridge.js";

export interface Operations {
  readonly applications: ApplicationsOperations;
  readonly asterisk: AsteriskOperations;
  readonly bridges: BridgesOperations;
  readonly channels: ChannelsOperations;
  readonly deviceStates: DeviceStatesOperations;
  readonly endpoints: EndpointsOperations;
  readonly events: EventsOperations;
  readonly mailboxes: MailboxesOperations;
  readonly playbacks: PlaybacksOperations;
  readonly recordings: RecordingsOperations;
  readonly sounds: SoundsOperations;
}

export interface ApplicationsOperations {
  /** `GET /applications` */
  list(
    params?: Record<string, never>,
    options?: CommandOptions,
  ): Promise<Application[]>;
  /** `GET /applications/{applicationName}` */
  get(
    params: {
      applicationName: string;
    },
    options?: CommandOptions,
  ): Promise<Application>;
  /** `POST /applications/{applicationName}/subscription` */
  subscribe(
    params: {
      applicationName: string;
      eventSource: string | ReadonlyArray<string>;
    },
    options?: CommandOptions,
  ): Promise<Application>;
  /** `DELETE /applications/{applicationName}/subscription` */
  unsubscribe(
    params: {
      applicationName: string;
      eventSource: string | ReadonlyArray<string>;
    },
    options?: CommandOptions,
  ): Promise<Application>;
  /** `PUT /applications/{applicationName}/eventFilter` */
  filter(
    params: {
      applicationName: string;
      filter?: Record<string, unknown>;
    },
    options?: CommandOptions,
  ): Promise<Application>;
}

export interface AsteriskOperations {
  /** `GET /asterisk/config/dynamic/{configClass}/{objectType}/{id}` */
  getObject(
    params: {
      configClass: string;
      objectType: string;
      id: string;
    },
    options?: CommandOptions,
  ): Promise<ConfigTuple[]>;
  /** `PUT /asterisk/config/dynamic/{configClass}/{objectType}/{id}` */
  updateObject(
    params: {
      configClass: string;
      objectType: string;
      id: string;
      fields?: Record<string, unknown>;
    },
    options?: CommandOptions,
  ): Promise<ConfigTuple[]>;
  /** `DELETE /asterisk/config/dynamic/{configClass}/{objectType}/{id}` */
  deleteObject(
    params: {
      configClass: string;
      objectType: string;
      id: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `GET /asterisk/info` */
  getInfo(
    params?: {
      only?: "build" | "system" | "config" | "status" | ReadonlyArray<"build" | "system" | "config" | "status">;
    },
    options?: CommandOptions,
  ): Promise<AsteriskInfo>;
  /** `GET /asterisk/ping` */
  ping(
    params?: Record<string, never>,
    options?: CommandOptions,
  ): Promise<AsteriskPing>;
  /** `GET /asterisk/modules` */
  listModules(
    params?: Record<string, never>,
    options?: CommandOptions,
  ): Promise<Module[]>;
  /** `GET /asterisk/modules/{moduleName}` */
  getModule(
    params: {
      moduleName: string;
    },
    options?: CommandOptions,
  ): Promise<Module>;
  /** `POST /asterisk/modules/{moduleName}` */
  loadModule(
    params: {
      moduleName: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `DELETE /asterisk/modules/{moduleName}` */
  unloadModule(
    params: {
      moduleName: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `PUT /asterisk/modules/{moduleName}` */
  reloadModule(
    params: {
      moduleName: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `GET /asterisk/logging` */
  listLogChannels(
    params?: Record<string, never>,
    options?: CommandOptions,
  ): Promise<LogChannel[]>;
  /** `POST /asterisk/logging/{logChannelName}` */
  addLog(
    params: {
      logChannelName: string;
      configuration: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `DELETE /asterisk/logging/{logChannelName}` */
  deleteLog(
    params: {
      logChannelName: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `PUT /asterisk/logging/{logChannelName}/rotate` */
  rotateLog(
    params: {
      logChannelName: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `GET /asterisk/variable` */
  getGlobalVar(
    params: {
      variable: string;
    },
    options?: CommandOptions,
  ): Promise<Variable>;
  /** `POST /asterisk/variable` */
  setGlobalVar(
    params: {
      variable: string;
      value?: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
}

export interface BridgesOperations {
  /** `GET /bridges` */
  list(
    params?: Record<string, never>,
    options?: CommandOptions,
  ): Promise<Bridge[]>;
  /** `POST /bridges` */
  create(
    params?: {
      type?: string;
      bridgeId?: string;
      name?: string;
      variables?: Record<string, unknown>;
    },
    options?: CommandOptions,
  ): Promise<Bridge>;
  /** `POST /bridges/{bridgeId}` */
  createWithId(
    params: {
      type?: string;
      bridgeId: string;
      name?: string;
      variables?: Record<string, unknown>;
    },
    options?: CommandOptions,
  ): Promise<Bridge>;
  /** `GET /bridges/{bridgeId}` */
  get(
    params: {
      bridgeId: string;
    },
    options?: CommandOptions,
  ): Promise<Bridge>;
  /** `DELETE /bridges/{bridgeId}` */
  destroy(
    params: {
      bridgeId: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `GET /bridges/{bridgeId}/variable` */
  getBridgeVar(
    params: {
      bridgeId: string;
      variable: string;
    },
    options?: CommandOptions,
  ): Promise<Variable>;
  /** `POST /bridges/{bridgeId}/variable` */
  setBridgeVar(
    params: {
      bridgeId: string;
      variable: string;
      value?: string;
      report_events?: boolean;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `GET /bridges/{bridgeId}/variables` */
  getBridgeVars(
    params: {
      bridgeId: string;
      variables: string | ReadonlyArray<string>;
    },
    options?: CommandOptions,
  ): Promise<Variables>;
  /** `POST /bridges/{bridgeId}/variables` */
  setBridgeVars(
    params: {
      bridgeId: string;
      variables: Record<string, unknown>;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /bridges/{bridgeId}/addChannel` */
  addChannel(
    params: {
      bridgeId: string;
      channel: string | ReadonlyArray<string>;
      role?: string;
      absorbDTMF?: boolean;
      mute?: boolean;
      inhibitConnectedLineUpdates?: boolean;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /bridges/{bridgeId}/removeChannel` */
  removeChannel(
    params: {
      bridgeId: string;
      channel: string | ReadonlyArray<string>;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /bridges/{bridgeId}/videoSource/{channelId}` */
  setVideoSource(
    params: {
      bridgeId: string;
      channelId: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `DELETE /bridges/{bridgeId}/videoSource` */
  clearVideoSource(
    params: {
      bridgeId: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /bridges/{bridgeId}/moh` */
  startMoh(
    params: {
      bridgeId: string;
      mohClass?: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `DELETE /bridges/{bridgeId}/moh` */
  stopMoh(
    params: {
      bridgeId: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /bridges/{bridgeId}/play` */
  play(
    params: {
      bridgeId: string;
      media: string | ReadonlyArray<string>;
      announcer_format?: string;
      lang?: string;
      offsetms?: number;
      skipms?: number;
      playbackId?: string;
    },
    options?: CommandOptions,
  ): Promise<Playback>;
  /** `POST /bridges/{bridgeId}/play/{playbackId}` */
  playWithId(
    params: {
      bridgeId: string;
      playbackId: string;
      media: string | ReadonlyArray<string>;
      announcer_format?: string;
      lang?: string;
      offsetms?: number;
      skipms?: number;
    },
    options?: CommandOptions,
  ): Promise<Playback>;
  /** `POST /bridges/{bridgeId}/record` */
  record(
    params: {
      bridgeId: string;
      name: string;
      format: string;
      recorder_format?: string;
      maxDurationSeconds?: number;
      maxSilenceSeconds?: number;
      ifExists?: "fail" | "overwrite" | "append";
      beep?: boolean;
      terminateOn?: "none" | "any" | "*" | "#";
    },
    options?: CommandOptions,
  ): Promise<LiveRecording>;
}

export interface ChannelsOperations {
  /** `GET /channels` */
  list(
    params?: Record<string, never>,
    options?: CommandOptions,
  ): Promise<Channel[]>;
  /** `POST /channels` */
  originate(
    params: {
      endpoint: string;
      extension?: string;
      context?: string;
      priority?: number;
      label?: string;
      app?: string;
      appArgs?: string;
      callerId?: string;
      timeout?: number;
      variables?: Record<string, unknown>;
      channelId?: string;
      otherChannelId?: string;
      originator?: string;
      formats?: string;
    },
    options?: CommandOptions,
  ): Promise<Channel>;
  /** `POST /channels/create` */
  create(
    params: {
      endpoint: string;
      app?: string;
      appArgs?: string;
      channelId?: string;
      otherChannelId?: string;
      originator?: string;
      formats?: string;
      variables?: Record<string, unknown>;
    },
    options?: CommandOptions,
  ): Promise<Channel>;
  /** `GET /channels/{channelId}` */
  get(
    params: {
      channelId: string;
    },
    options?: CommandOptions,
  ): Promise<Channel>;
  /** `POST /channels/{channelId}` */
  originateWithId(
    params: {
      channelId: string;
      endpoint: string;
      extension?: string;
      context?: string;
      priority?: number;
      label?: string;
      app?: string;
      appArgs?: string;
      callerId?: string;
      timeout?: number;
      variables?: Record<string, unknown>;
      otherChannelId?: string;
      originator?: string;
      formats?: string;
    },
    options?: CommandOptions,
  ): Promise<Channel>;
  /** `DELETE /channels/{channelId}` */
  hangup(
    params: {
      channelId: string;
      reason_code?: string;
      reason?: "normal" | "busy" | "congestion" | "no_answer" | "timeout" | "rejected" | "unallocated" | "normal_unspecified" | "number_incomplete" | "codec_mismatch" | "interworking" | "failure" | "answered_elsewhere";
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /channels/{channelId}/continue` */
  continueInDialplan(
    params: {
      channelId: string;
      context?: string;
      extension?: string;
      priority?: number;
      label?: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /channels/{channelId}/move` */
  move(
    params: {
      channelId: string;
      app: string;
      appArgs?: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /channels/{channelId}/redirect` */
  redirect(
    params: {
      channelId: string;
      endpoint: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /channels/{channelId}/answer` */
  answer(
    params: {
      channelId: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /channels/{channelId}/ring` */
  ring(
    params: {
      channelId: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `DELETE /channels/{channelId}/ring` */
  ringStop(
    params: {
      channelId: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /channels/{channelId}/progress` */
  progress(
    params: {
      channelId: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /channels/{channelId}/dtmf` */
  sendDTMF(
    params: {
      channelId: string;
      dtmf?: string;
      before?: number;
      between?: number;
      duration?: number;
      after?: number;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /channels/{channelId}/mute` */
  mute(
    params: {
      channelId: string;
      direction?: "both" | "in" | "out";
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `DELETE /channels/{channelId}/mute` */
  unmute(
    params: {
      channelId: string;
      direction?: "both" | "in" | "out";
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /channels/{channelId}/hold` */
  hold(
    params: {
      channelId: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `DELETE /channels/{channelId}/hold` */
  unhold(
    params: {
      channelId: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /channels/{channelId}/moh` */
  startMoh(
    params: {
      channelId: string;
      mohClass?: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `DELETE /channels/{channelId}/moh` */
  stopMoh(
    params: {
      channelId: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /channels/{channelId}/silence` */
  startSilence(
    params: {
      channelId: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `DELETE /channels/{channelId}/silence` */
  stopSilence(
    params: {
      channelId: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /channels/{channelId}/play` */
  play(
    params: {
      channelId: string;
      media: string | ReadonlyArray<string>;
      lang?: string;
      offsetms?: number;
      skipms?: number;
      playbackId?: string;
    },
    options?: CommandOptions,
  ): Promise<Playback>;
  /** `POST /channels/{channelId}/play/{playbackId}` */
  playWithId(
    params: {
      channelId: string;
      playbackId: string;
      media: string | ReadonlyArray<string>;
      lang?: string;
      offsetms?: number;
      skipms?: number;
    },
    options?: CommandOptions,
  ): Promise<Playback>;
  /** `POST /channels/{channelId}/record` */
  record(
    params: {
      channelId: string;
      name: string;
      format: string;
      maxDurationSeconds?: number;
      maxSilenceSeconds?: number;
      ifExists?: "fail" | "overwrite" | "append";
      beep?: boolean;
      terminateOn?: "none" | "any" | "*" | "#";
    },
    options?: CommandOptions,
  ): Promise<LiveRecording>;
  /** `GET /channels/{channelId}/variable` */
  getChannelVar(
    params: {
      channelId: string;
      variable: string;
    },
    options?: CommandOptions,
  ): Promise<Variable>;
  /** `POST /channels/{channelId}/variable` */
  setChannelVar(
    params: {
      channelId: string;
      variable: string;
      value?: string;
      report_events?: boolean;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `GET /channels/{channelId}/variables` */
  getChannelVars(
    params: {
      channelId: string;
      variables: string | ReadonlyArray<string>;
    },
    options?: CommandOptions,
  ): Promise<Variables>;
  /** `POST /channels/{channelId}/variables` */
  setChannelVars(
    params: {
      channelId: string;
      variables: Record<string, unknown>;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /channels/{channelId}/snoop` */
  snoopChannel(
    params: {
      channelId: string;
      spy?: "none" | "both" | "out" | "in";
      whisper?: "none" | "both" | "out" | "in";
      app?: string;
      appArgs?: string;
      snoopId?: string;
    },
    options?: CommandOptions,
  ): Promise<Channel>;
  /** `POST /channels/{channelId}/snoop/{snoopId}` */
  snoopChannelWithId(
    params: {
      channelId: string;
      snoopId: string;
      spy?: "none" | "both" | "out" | "in";
      whisper?: "none" | "both" | "out" | "in";
      app?: string;
      appArgs?: string;
    },
    options?: CommandOptions,
  ): Promise<Channel>;
  /** `POST /channels/{channelId}/dial` */
  dial(
    params: {
      channelId: string;
      caller?: string;
      timeout?: number;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `GET /channels/{channelId}/rtp_statistics` */
  rtpstatistics(
    params: {
      channelId: string;
    },
    options?: CommandOptions,
  ): Promise<RTPstat>;
  /** `POST /channels/externalMedia` */
  externalMedia(
    params: {
      channelId?: string;
      app?: string;
      variables?: Record<string, unknown>;
      external_host?: string;
      encapsulation?: "rtp" | "audiosocket" | "none";
      transport?: "udp" | "tcp" | "websocket";
      connection_type?: "client" | "server";
      format: string;
      direction?: "both";
      data?: string;
      transport_data?: string;
    },
    options?: CommandOptions,
  ): Promise<Channel>;
  /** `POST /channels/{channelId}/transfer_progress` */
  transfer_progress(
    params: {
      channelId: string;
      states: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
}

export interface DeviceStatesOperations {
  /** `GET /deviceStates` */
  list(
    params?: Record<string, never>,
    options?: CommandOptions,
  ): Promise<DeviceState[]>;
  /** `GET /deviceStates/{deviceName}` */
  get(
    params: {
      deviceName: string;
    },
    options?: CommandOptions,
  ): Promise<DeviceState>;
  /** `PUT /deviceStates/{deviceName}` */
  update(
    params: {
      deviceName: string;
      deviceState: "NOT_INUSE" | "INUSE" | "BUSY" | "INVALID" | "UNAVAILABLE" | "RINGING" | "RINGINUSE" | "ONHOLD";
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `DELETE /deviceStates/{deviceName}` */
  delete(
    params: {
      deviceName: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
}

export interface EndpointsOperations {
  /** `GET /endpoints` */
  list(
    params?: Record<string, never>,
    options?: CommandOptions,
  ): Promise<Endpoint[]>;
  /** `PUT /endpoints/sendMessage` */
  sendMessage(
    params: {
      to: string;
      from: string;
      body?: string;
      variables?: Record<string, unknown>;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /endpoints/refer` */
  refer(
    params: {
      to: string;
      from: string;
      refer_to: string;
      to_self?: boolean;
      variables?: Record<string, unknown>;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `GET /endpoints/{tech}` */
  listByTech(
    params: {
      tech: string;
    },
    options?: CommandOptions,
  ): Promise<Endpoint[]>;
  /** `GET /endpoints/{tech}/{resource}` */
  get(
    params: {
      tech: string;
      resource: string;
    },
    options?: CommandOptions,
  ): Promise<Endpoint>;
  /** `PUT /endpoints/{tech}/{resource}/sendMessage` */
  sendMessageToEndpoint(
    params: {
      tech: string;
      resource: string;
      from: string;
      body?: string;
      variables?: Record<string, unknown>;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /endpoints/{tech}/{resource}/refer` */
  referToEndpoint(
    params: {
      tech: string;
      resource: string;
      from: string;
      refer_to: string;
      to_self?: boolean;
      variables?: Record<string, unknown>;
    },
    options?: CommandOptions,
  ): Promise<null>;
}

export interface EventsOperations {
  /** `GET /events` */
  eventWebsocket(
    params: {
      app: string | ReadonlyArray<string>;
      subscribeAll?: boolean;
    },
    options?: CommandOptions,
  ): Promise<Message>;
  /** `POST /events/user/{eventName}` */
  userEvent(
    params: {
      eventName: string;
      application: string;
      source?: string | ReadonlyArray<string>;
      variables?: Record<string, unknown>;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /events/claim` */
  claimChannel(
    params: {
      channelId: string;
      application: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
}

export interface MailboxesOperations {
  /** `GET /mailboxes` */
  list(
    params?: Record<string, never>,
    options?: CommandOptions,
  ): Promise<Mailbox[]>;
  /** `GET /mailboxes/{mailboxName}` */
  get(
    params: {
      mailboxName: string;
    },
    options?: CommandOptions,
  ): Promise<Mailbox>;
  /** `PUT /mailboxes/{mailboxName}` */
  update(
    params: {
      mailboxName: string;
      oldMessages: number;
      newMessages: number;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `DELETE /mailboxes/{mailboxName}` */
  delete(
    params: {
      mailboxName: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
}

export interface PlaybacksOperations {
  /** `GET /playbacks/{playbackId}` */
  get(
    params: {
      playbackId: string;
    },
    options?: CommandOptions,
  ): Promise<Playback>;
  /** `DELETE /playbacks/{playbackId}` */
  stop(
    params: {
      playbackId: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /playbacks/{playbackId}/control` */
  control(
    params: {
      playbackId: string;
      operation: "restart" | "pause" | "unpause" | "reverse" | "forward";
    },
    options?: CommandOptions,
  ): Promise<null>;
}

export interface RecordingsOperations {
  /** `GET /recordings/stored` */
  listStored(
    params?: Record<string, never>,
    options?: CommandOptions,
  ): Promise<StoredRecording[]>;
  /** `GET /recordings/stored/{recordingName}` */
  getStored(
    params: {
      recordingName: string;
    },
    options?: CommandOptions,
  ): Promise<StoredRecording>;
  /** `DELETE /recordings/stored/{recordingName}` */
  deleteStored(
    params: {
      recordingName: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `GET /recordings/stored/{recordingName}/file` */
  getStoredFile(
    params: {
      recordingName: string;
    },
    options?: CommandOptions,
  ): Promise<never>;
  /** `POST /recordings/stored/{recordingName}/copy` */
  copyStored(
    params: {
      recordingName: string;
      destinationRecordingName: string;
    },
    options?: CommandOptions,
  ): Promise<StoredRecording>;
  /** `GET /recordings/live/{recordingName}` */
  getLive(
    params: {
      recordingName: string;
    },
    options?: CommandOptions,
  ): Promise<LiveRecording>;
  /** `DELETE /recordings/live/{recordingName}` */
  cancel(
    params: {
      recordingName: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /recordings/live/{recordingName}/stop` */
  stop(
    params: {
      recordingName: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /recordings/live/{recordingName}/pause` */
  pause(
    params: {
      recordingName: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `DELETE /recordings/live/{recordingName}/pause` */
  unpause(
    params: {
      recordingName: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `POST /recordings/live/{recordingName}/mute` */
  mute(
    params: {
      recordingName: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
  /** `DELETE /recordings/live/{recordingName}/mute` */
  unmute(
    params: {
      recordingName: string;
    },
    options?: CommandOptions,
  ): Promise<null>;
}

export interface SoundsOperations {
  /** `GET /sounds` */
  list(
    params?: {
      lang?: string;
      format?: string;
    },
    options?: CommandOptions,
  ): Promise<Sound[]>;
  /** `GET /sounds/{soundId}` */
  get(
    params: {
      soundId: string;
    },
    options?: CommandOptions,
  ): Promise<Sound>;
}

export interface AdditionalParam {
  parameter_name: string;
  parameter_value: string;
}

export interface Application {
  name: string;
  channel_ids: string[];
  bridge_ids: string[];
  endpoint_ids: string[];
  device_names: string[];
  events_allowed: Record<string, unknown>[];
  events_disallowed: Record<string, unknown>[];
}

export interface ApplicationMoveFailed extends Event {
  type: "ApplicationMoveFailed";
  channel: Channel;
  destination: string;
  args: string[];
}

export interface ApplicationRegistered extends Event {
  type: "ApplicationRegistered";
}

export interface ApplicationReplaced extends Event {
  type: "ApplicationReplaced";
}

export interface ApplicationUnregistered extends Event {
  type: "ApplicationUnregistered";
}

export interface AsteriskInfo {
  build?: BuildInfo;
  system?: SystemInfo;
  config?: ConfigInfo;
  status?: StatusInfo;
}

export interface AsteriskPing {
  asterisk_id: string;
  ping: string;
  timestamp: string;
}

export interface Bridge {
  id: string;
  technology: string;
  bridge_type: "mixing" | "holding" | (string & {});
  bridge_class: string;
  creator: string;
  name: string;
  channels: string[];
  video_mode?: string;
  video_source_id?: string;
  creationtime: string;
  bridgevars?: Record<string, unknown>;
}

export interface BridgeAttendedTransfer extends Event {
  type: "BridgeAttendedTransfer";
  transferer_first_leg: Channel;
  transferer_second_leg: Channel;
  replace_channel?: Channel;
  transferee?: Channel;
  transfer_target?: Channel;
  result: string;
  is_external: boolean;
  transferer_first_leg_bridge?: Bridge;
  transferer_second_leg_bridge?: Bridge;
  destination_type: string;
  destination_bridge?: string;
  destination_application?: string;
  destination_link_first_leg?: Channel;
  destination_link_second_leg?: Channel;
  destination_threeway_channel?: Channel;
  destination_threeway_bridge?: Bridge;
}

export interface BridgeBlindTransfer extends Event {
  type: "BridgeBlindTransfer";
  channel: Channel;
  replace_channel?: Channel;
  transferee?: Channel;
  exten: string;
  context: string;
  result: string;
  is_external: boolean;
  bridge?: Bridge;
}

export interface BridgeCreated extends Event {
  type: "BridgeCreated";
  bridge: Bridge;
}

export interface BridgeDestroyed extends Event {
  type: "BridgeDestroyed";
  bridge: Bridge;
}

export interface BridgeMerged extends Event {
  type: "BridgeMerged";
  bridge: Bridge;
  bridge_from: Bridge;
}

export interface BridgeVideoSourceChanged extends Event {
  type: "BridgeVideoSourceChanged";
  bridge: Bridge;
  old_video_source_id?: string;
}

export interface BuildInfo {
  os: string;
  kernel: string;
  options: string;
  machine: string;
  date: string;
  user: string;
}

export interface CallBroadcast extends Event {
  type: "CallBroadcast";
  channel: Channel;
  caller?: string;
  called?: string;
}

export interface CallClaimed extends Event {
  type: "CallClaimed";
  channel: Channel;
  winner_app: string;
}

export interface CallerID {
  name: string;
  number: string;
}

export interface Channel {
  id: string;
  protocol_id: string;
  name: string;
  state: "Down" | "Rsrved" | "OffHook" | "Dialing" | "Ring" | "Ringing" | "Up" | "Busy" | "Dialing Offhook" | "Pre-ring" | "Unknown" | (string & {});
  caller: CallerID;
  connected: CallerID;
  accountcode: string;
  dialplan: DialplanCEP;
  creationtime: string;
  language: string;
  channelvars?: Record<string, unknown>;
  caller_rdnis?: string;
  tenantid?: string;
}

export interface ChannelCallerId extends Event {
  type: "ChannelCallerId";
  caller_presentation: number;
  caller_presentation_txt: string;
  channel: Channel;
}

export interface ChannelConnectedLine extends Event {
  type: "ChannelConnectedLine";
  channel: Channel;
}

export interface ChannelCreated extends Event {
  type: "ChannelCreated";
  channel: Channel;
}

export interface ChannelDestroyed extends Event {
  type: "ChannelDestroyed";
  cause: number;
  cause_txt: string;
  tech_cause?: number;
  channel: Channel;
}

export interface ChannelDialplan extends Event {
  type: "ChannelDialplan";
  channel: Channel;
  dialplan_app: string;
  dialplan_app_data: string;
}

export interface ChannelDtmfReceived extends Event {
  type: "ChannelDtmfReceived";
  digit: string;
  duration_ms: number;
  channel: Channel;
}

export interface ChannelEnteredBridge extends Event {
  type: "ChannelEnteredBridge";
  bridge: Bridge;
  channel?: Channel;
}

export interface ChannelHangupRequest extends Event {
  type: "ChannelHangupRequest";
  cause?: number;
  tech_cause?: number;
  soft?: boolean;
  channel: Channel;
}

export interface ChannelHold extends Event {
  type: "ChannelHold";
  channel: Channel;
  musicclass?: string;
}

export interface ChannelLeftBridge extends Event {
  type: "ChannelLeftBridge";
  bridge: Bridge;
  channel: Channel;
}

export interface ChannelStateChange extends Event {
  type: "ChannelStateChange";
  channel: Channel;
}

export interface ChannelTalkingFinished extends Event {
  type: "ChannelTalkingFinished";
  channel: Channel;
  duration: number;
}

export interface ChannelTalkingStarted extends Event {
  type: "ChannelTalkingStarted";
  channel: Channel;
}

export interface ChannelToneDetected extends Event {
  type: "ChannelToneDetected";
  channel: Channel;
}

export interface ChannelTransfer extends Event {
  type: "ChannelTransfer";
  state?: string;
  refer_to: ReferTo;
  referred_by: ReferredBy;
}

export interface ChannelUnhold extends Event {
  type: "ChannelUnhold";
  channel: Channel;
}

export interface ChannelUserevent extends Event {
  type: "ChannelUserevent";
  eventname: string;
  channel?: Channel;
  bridge?: Bridge;
  endpoint?: Endpoint;
  userevent: Record<string, unknown>;
}

export interface ChannelVarset extends Event {
  type: "ChannelVarset";
  variable: string;
  value: string;
  channel?: Channel;
}

export interface ConfigInfo {
  name: string;
  default_language: string;
  max_channels?: number;
  max_open_files?: number;
  max_load?: number;
  setid: SetId;
}

export interface ConfigTuple {
  attribute: string;
  value: string;
}

export interface ContactInfo {
  uri: string;
  contact_status: "Unreachable" | "Reachable" | "Unknown" | "NonQualified" | "Removed" | (string & {});
  aor: string;
  roundtrip_usec?: string;
}

export interface ContactStatusChange extends Event {
  type: "ContactStatusChange";
  endpoint: Endpoint;
  contact_info: ContactInfo;
}

export interface DeviceState {
  name: string;
  state: "UNKNOWN" | "NOT_INUSE" | "INUSE" | "BUSY" | "INVALID" | "UNAVAILABLE" | "RINGING" | "RINGINUSE" | "ONHOLD" | (string & {});
}

export interface DeviceStateChanged extends Event {
  type: "DeviceStateChanged";
  device_state: DeviceState;
}

export interface Dial extends Event {
  type: "Dial";
  caller?: Channel;
  peer: Channel;
  forward?: string;
  forwarded?: Channel;
  dialstring?: string;
  dialstatus: string;
}

export interface Dialed {
}

export interface DialplanCEP {
  context: string;
  exten: string;
  priority: number;
  app_name: string;
  app_data: string;
}

export interface Endpoint {
  technology: string;
  resource: string;
  state?: "unknown" | "offline" | "online" | (string & {});
  channel_ids: string[];
}

export interface EndpointStateChange extends Event {
  type: "EndpointStateChange";
  endpoint: Endpoint;
}

export interface Event extends Message {
  application: string;
  timestamp: string;
}

export interface FormatLangPair {
  language: string;
  format: string;
}

export interface LiveRecording {
  name: string;
  format: string;
  target_uri: string;
  state: "queued" | "recording" | "paused" | "done" | "failed" | "canceled" | (string & {});
  duration?: number;
  talking_duration?: number;
  silence_duration?: number;
  cause?: string;
}

export interface LogChannel {
  channel: string;
  type: string;
  status: string;
  configuration: string;
}

export interface Mailbox {
  name: string;
  old_messages: number;
  new_messages: number;
}

export interface Message {
  type: string;
  asterisk_id?: string;
}

export interface MissingParams extends Message {
  params: string[];
}

export interface Module {
  name: string;
  description: string;
  use_count: number;
  status: string;
  support_level: string;
}

export interface Peer {
  peer_status: string;
  cause?: string;
  address?: string;
  port?: string;
  time?: string;
}

export interface PeerStatusChange extends Event {
  type: "PeerStatusChange";
  endpoint: Endpoint;
  peer: Peer;
}

export interface Playback {
  id: string;
  media_uri: string;
  next_media_uri?: string;
  target_uri: string;
  language?: string;
  state: "queued" | "playing" | "continuing" | "done" | "failed" | (string & {});
}

export interface PlaybackContinuing extends Event {
  type: "PlaybackContinuing";
  playback: Playback;
}

export interface PlaybackFinished extends Event {
  type: "PlaybackFinished";
  playback: Playback;
}

export interface PlaybackStarted extends Event {
  type: "PlaybackStarted";
  playback: Playback;
}

export interface RESTHeader {
  name: string;
  value: string;
}

export interface RESTQueryStringParameter {
  name: string;
  value: string;
}

export interface RESTRequest {
  type: string;
  transaction_id: string;
  request_id: string;
  method: string;
  uri: string;
  content_type?: string;
  query_strings?: RESTQueryStringParameter[];
  message_body?: string;
}

export interface RESTResponse extends Event {
  type: "RESTResponse";
  transaction_id: string;
  request_id: string;
  status_code: number;
  reason_phrase: string;
  uri: string;
  content_type?: string;
  message_body?: string;
}

export interface RTPstat {
  txcount: number;
  rxcount: number;
  txjitter?: number;
  rxjitter?: number;
  remote_maxjitter?: number;
  remote_minjitter?: number;
  remote_normdevjitter?: number;
  remote_stdevjitter?: number;
  local_maxjitter?: number;
  local_minjitter?: number;
  local_normdevjitter?: number;
  local_stdevjitter?: number;
  txploss: number;
  rxploss: number;
  remote_maxrxploss?: number;
  remote_minrxploss?: number;
  remote_normdevrxploss?: number;
  remote_stdevrxploss?: number;
  local_maxrxploss?: number;
  local_minrxploss?: number;
  local_normdevrxploss?: number;
  local_stdevrxploss?: number;
  rtt?: number;
  maxrtt?: number;
  minrtt?: number;
  normdevrtt?: number;
  stdevrtt?: number;
  local_ssrc: number;
  remote_ssrc: number;
  txoctetcount: number;
  rxoctetcount: number;
  channel_uniqueid: string;
}

export interface RecordingFailed extends Event {
  type: "RecordingFailed";
  recording: LiveRecording;
}

export interface RecordingFinished extends Event {
  type: "RecordingFinished";
  recording: LiveRecording;
}

export interface RecordingStarted extends Event {
  type: "RecordingStarted";
  recording: LiveRecording;
}

export interface ReferTo {
  requested_destination: RequiredDestination;
  destination_channel?: Channel;
  connected_channel?: Channel;
  bridge?: Bridge;
}

export interface ReferredBy {
  source_channel: Channel;
  connected_channel?: Channel;
  bridge?: Bridge;
}

export interface RequiredDestination {
  protocol_id?: string;
  destination?: string;
  additional_protocol_params?: AdditionalParam[];
}

export interface SetId {
  user: string;
  group: string;
}

export interface Sound {
  id: string;
  text?: string;
  formats: FormatLangPair[];
}

export interface StasisEnd extends Event {
  type: "StasisEnd";
  channel: Channel;
}

export interface StasisStart extends Event {
  type: "StasisStart";
  args: string[];
  channel: Channel;
  replace_channel?: Channel;
}

export interface StatusInfo {
  startup_time: string;
  last_reload_time: string;
}

export interface StoredRecording {
  name: string;
  format: string;
}

export interface SystemInfo {
  version: string;
  entity_id: string;
}

export interface TextMessage {
  from: string;
  to: string;
  body: string;
  variables?: Record<string, unknown>;
}

export interface TextMessageReceived extends Event {
  type: "TextMessageReceived";
  message: TextMessage;
  endpoint?: Endpoint;
}

export interface Variable {
  value: string;
}

export interface Variables {
  variables: Record<string, unknown>;
}

/** Each type of event; "*" stands for all. */
export interface Events {
  ApplicationMoveFailed: ApplicationMoveFailed;
  ApplicationRegistered: ApplicationRegistered;
  ApplicationReplaced: ApplicationReplaced;
  ApplicationUnregistered: ApplicationUnregistered;
  BridgeAttendedTransfer: BridgeAttendedTransfer;
  BridgeBlindTransfer: BridgeBlindTransfer;
  BridgeCreated: BridgeCreated;
  BridgeDestroyed: BridgeDestroyed;
  BridgeMerged: BridgeMerged;
  BridgeVideoSourceChanged: BridgeVideoSourceChanged;
  CallBroadcast: CallBroadcast;
  CallClaimed: CallClaimed;
  ChannelCallerId: ChannelCallerId;
  ChannelConnectedLine: ChannelConnectedLine;
  ChannelCreated: ChannelCreated;
  ChannelDestroyed: ChannelDestroyed;
  ChannelDialplan: ChannelDialplan;
  ChannelDtmfReceived: ChannelDtmfReceived;
  ChannelEnteredBridge: ChannelEnteredBridge;
  ChannelHangupRequest: ChannelHangupRequest;
  ChannelHold: ChannelHold;
  ChannelLeftBridge: ChannelLeftBridge;
  ChannelStateChange: ChannelStateChange;
  ChannelTalkingFinished: ChannelTalkingFinished;
  ChannelTalkingStarted: ChannelTalkingStarted;
  ChannelToneDetected: ChannelToneDetected;
  ChannelTransfer: ChannelTransfer;
  ChannelUnhold: ChannelUnhold;
  ChannelUserevent: ChannelUserevent;
  ChannelVarset: ChannelVarset;
  ContactStatusChange: ContactStatusChange;
  DeviceStateChanged: DeviceStateChanged;
  Dial: Dial;
  EndpointStateChange: EndpointStateChange;
  PeerStatusChange: PeerStatusChange;
  PlaybackContinuing: PlaybackContinuing;
  PlaybackFinished: PlaybackFinished;
  PlaybackStarted: PlaybackStarted;
  RESTResponse: RESTResponse;
  RecordingFailed: RecordingFailed;
  RecordingFinished: RecordingFinished;
  RecordingStarted: RecordingStarted;
  StasisEnd: StasisEnd;
  StasisStart: StasisStart;
  TextMessageReceived: TextMessageReceived;
  "*": Event;
}
