---@meta ari
-- Made by `python -m aribridge.web.luals` from the API description of ARI 10.0.0; do not edit.

---@class ari
---@field applications ari.applications
---@field asterisk ari.asterisk
---@field bridges ari.bridges
---@field channels ari.channels
---@field deviceStates ari.deviceStates
---@field endpoints ari.endpoints
---@field events ari.events
---@field mailboxes ari.mailboxes
---@field playbacks ari.playbacks
---@field recordings ari.recordings
---@field sounds ari.sounds
local ari = {}

---@class ari.AdditionalParam
---@field parameter_name string
---@field parameter_value string

---@class ari.Application
---@field name string
---@field channel_ids string[]
---@field bridge_ids string[]
---@field endpoint_ids string[]
---@field device_names string[]
---@field events_allowed table<string, any>[]
---@field events_disallowed table<string, any>[]

---@class ari.ApplicationMoveFailed: ari.Event
---@field type "ApplicationMoveFailed"
---@field channel ari.Channel
---@field destination string
---@field args string[]

---@class ari.ApplicationRegistered: ari.Event
---@field type "ApplicationRegistered"

---@class ari.ApplicationReplaced: ari.Event
---@field type "ApplicationReplaced"

---@class ari.ApplicationUnregistered: ari.Event
---@field type "ApplicationUnregistered"

---@class ari.AsteriskInfo
---@field build? ari.BuildInfo
---@field system? ari.SystemInfo
---@field config? ari.ConfigInfo
---@field status? ari.StatusInfo

---@class ari.AsteriskPing
---@field asterisk_id string
---@field ping string
---@field timestamp string

---@class ari.Bridge
---@field id string
---@field technology string
---@field bridge_type "mixing"|"holding"|string
---@field bridge_class string
---@field creator string
---@field name string
---@field channels string[]
---@field video_mode? string
---@field video_source_id? string
---@field creationtime string
---@field bridgevars? table<string, any>

---@class ari.BridgeAttendedTransfer: ari.Event
---@field type "BridgeAttendedTransfer"
---@field transferer_first_leg ari.Channel
---@field transferer_second_leg ari.Channel
---@field replace_channel? ari.Channel
---@field transferee? ari.Channel
---@field transfer_target? ari.Channel
---@field result string
---@field is_external boolean
---@field transferer_first_leg_bridge? ari.Bridge
---@field transferer_second_leg_bridge? ari.Bridge
---@field destination_type string
---@field destination_bridge? string
---@field destination_application? string
---@field destination_link_first_leg? ari.Channel
---@field destination_link_second_leg? ari.Channel
---@field destination_threeway_channel? ari.Channel
---@field destination_threeway_bridge? ari.Bridge

---@class ari.BridgeBlindTransfer: ari.Event
---@field type "BridgeBlindTransfer"
---@field channel ari.Channel
---@field replace_channel? ari.Channel
---@field transferee? ari.Channel
---@field exten string
---@field context string
---@field result string
---@field is_external boolean
---@field bridge? ari.Bridge

---@class ari.BridgeCreated: ari.Event
---@field type "BridgeCreated"
---@field bridge ari.Bridge

---@class ari.BridgeDestroyed: ari.Event
---@field type "BridgeDestroyed"
---@field bridge ari.Bridge

---@class ari.BridgeMerged: ari.Event
---@field type "BridgeMerged"
---@field bridge ari.Bridge
---@field bridge_from ari.Bridge

---@class ari.BridgeVideoSourceChanged: ari.Event
---@field type "BridgeVideoSourceChanged"
---@field bridge ari.Bridge
---@field old_video_source_id? string

---@class ari.BuildInfo
---@field os string
---@field kernel string
---@field options string
---@field machine string
---@field date string
---@field user string

---@class ari.CallBroadcast: ari.Event
---@field type "CallBroadcast"
---@field channel ari.Channel
---@field caller? string
---@field called? string

---@class ari.CallClaimed: ari.Event
---@field type "CallClaimed"
---@field channel ari.Channel
---@field winner_app string

---@class ari.CallerID
---@field name string
---@field number string

---@alias ari.Channel.state
---| "Down"
---| "Rsrved"
---| "OffHook"
---| "Dialing"
---| "Ring"
---| "Ringing"
---| "Up"
---| "Busy"
---| "Dialing Offhook"
---| "Pre-ring"
---| "Unknown"
---| string

---@class ari.Channel
---@field id string
---@field protocol_id string
---@field name string
---@field state ari.Channel.state
---@field caller ari.CallerID
---@field connected ari.CallerID
---@field accountcode string
---@field dialplan ari.DialplanCEP
---@field creationtime string
---@field language string
---@field channelvars? table<string, any>
---@field caller_rdnis? string
---@field tenantid? string

---@class ari.ChannelCallerId: ari.Event
---@field type "ChannelCallerId"
---@field caller_presentation integer
---@field caller_presentation_txt string
---@field channel ari.Channel

---@class ari.ChannelConnectedLine: ari.Event
---@field type "ChannelConnectedLine"
---@field channel ari.Channel

---@class ari.ChannelCreated: ari.Event
---@field type "ChannelCreated"
---@field channel ari.Channel

---@class ari.ChannelDestroyed: ari.Event
---@field type "ChannelDestroyed"
---@field cause integer
---@field cause_txt string
---@field tech_cause? integer
---@field channel ari.Channel

---@class ari.ChannelDialplan: ari.Event
---@field type "ChannelDialplan"
---@field channel ari.Channel
---@field dialplan_app string
---@field dialplan_app_data string

---@class ari.ChannelDtmfReceived: ari.Event
---@field type "ChannelDtmfReceived"
---@field digit string
---@field duration_ms integer
---@field channel ari.Channel

---@class ari.ChannelEnteredBridge: ari.Event
---@field type "ChannelEnteredBridge"
---@field bridge ari.Bridge
---@field channel? ari.Channel

---@class ari.ChannelHangupRequest: ari.Event
---@field type "ChannelHangupRequest"
---@field cause? integer
---@field tech_cause? integer
---@field soft? boolean
---@field channel ari.Channel

---@class ari.ChannelHold: ari.Event
---@field type "ChannelHold"
---@field channel ari.Channel
---@field musicclass? string

---@class ari.ChannelLeftBridge: ari.Event
---@field type "ChannelLeftBridge"
---@field bridge ari.Bridge
---@field channel ari.Channel

---@class ari.ChannelStateChange: ari.Event
---@field type "ChannelStateChange"
---@field channel ari.Channel

---@class ari.ChannelTalkingFinished: ari.Event
---@field type "ChannelTalkingFinished"
---@field channel ari.Channel
---@field duration integer

---@class ari.ChannelTalkingStarted: ari.Event
---@field type "ChannelTalkingStarted"
---@field channel ari.Channel

---@class ari.ChannelToneDetected: ari.Event
---@field type "ChannelToneDetected"
---@field channel ari.Channel

---@class ari.ChannelTransfer: ari.Event
---@field type "ChannelTransfer"
---@field state? string
---@field refer_to ari.ReferTo
---@field referred_by ari.ReferredBy

---@class ari.ChannelUnhold: ari.Event
---@field type "ChannelUnhold"
---@field channel ari.Channel

---@class ari.ChannelUserevent: ari.Event
---@field type "ChannelUserevent"
---@field eventname string
---@field channel? ari.Channel
---@field bridge? ari.Bridge
---@field endpoint? ari.Endpoint
---@field userevent table<string, any>

---@class ari.ChannelVarset: ari.Event
---@field type "ChannelVarset"
---@field variable string
---@field value string
---@field channel? ari.Channel

---@class ari.ConfigInfo
---@field name string
---@field default_language string
---@field max_channels? integer
---@field max_open_files? integer
---@field max_load? number
---@field setid ari.SetId

---@class ari.ConfigTuple
---@field attribute string
---@field value string

---@class ari.ContactInfo
---@field uri string
---@field contact_status "Unreachable"|"Reachable"|"Unknown"|"NonQualified"|"Removed"|string
---@field aor string
---@field roundtrip_usec? string

---@class ari.ContactStatusChange: ari.Event
---@field type "ContactStatusChange"
---@field endpoint ari.Endpoint
---@field contact_info ari.ContactInfo

---@class ari.DeviceState
---@field name string
---@field state "UNKNOWN"|"NOT_INUSE"|"INUSE"|"BUSY"|"INVALID"|"UNAVAILABLE"|"RINGING"|"RINGINUSE"|"ONHOLD"|string

---@class ari.DeviceStateChanged: ari.Event
---@field type "DeviceStateChanged"
---@field device_state ari.DeviceState

---@class ari.Dial: ari.Event
---@field type "Dial"
---@field caller? ari.Channel
---@field peer ari.Channel
---@field forward? string
---@field forwarded? ari.Channel
---@field dialstring? string
---@field dialstatus string

---@class ari.Dialed

---@class ari.DialplanCEP
---@field context string
---@field exten string
---@field priority integer
---@field app_name string
---@field app_data string

---@class ari.Endpoint
---@field technology string
---@field resource string
---@field state? "unknown"|"offline"|"online"|string
---@field channel_ids string[]

---@class ari.EndpointStateChange: ari.Event
---@field type "EndpointStateChange"
---@field endpoint ari.Endpoint

---@class ari.Event: ari.Message
---@field application string
---@field timestamp string

---@class ari.FormatLangPair
---@field language string
---@field format string

---@class ari.LiveRecording
---@field name string
---@field format string
---@field target_uri string
---@field state "queued"|"recording"|"paused"|"done"|"failed"|"canceled"|string
---@field duration? integer
---@field talking_duration? integer
---@field silence_duration? integer
---@field cause? string

---@class ari.LogChannel
---@field channel string
---@field type string
---@field status string
---@field configuration string

---@class ari.Mailbox
---@field name string
---@field old_messages integer
---@field new_messages integer

---@class ari.Message
---@field type string
---@field asterisk_id? string

---@class ari.MissingParams: ari.Message
---@field params string[]

---@class ari.Module
---@field name string
---@field description string
---@field use_count integer
---@field status string
---@field support_level string

---@class ari.Peer
---@field peer_status string
---@field cause? string
---@field address? string
---@field port? string
---@field time? string

---@class ari.PeerStatusChange: ari.Event
---@field type "PeerStatusChange"
---@field endpoint ari.Endpoint
---@field peer ari.Peer

---@class ari.Playback
---@field id string
---@field media_uri string
---@field next_media_uri? string
---@field target_uri string
---@field language? string
---@field state "queued"|"playing"|"continuing"|"done"|"failed"|string

---@class ari.PlaybackContinuing: ari.Event
---@field type "PlaybackContinuing"
---@field playback ari.Playback

---@class ari.PlaybackFinished: ari.Event
---@field type "PlaybackFinished"
---@field playback ari.Playback

---@class ari.PlaybackStarted: ari.Event
---@field type "PlaybackStarted"
---@field playback ari.Playback

---@class ari.RESTHeader
---@field name string
---@field value string

---@class ari.RESTQueryStringParameter
---@field name string
---@field value string

---@class ari.RESTRequest
---@field type string
---@field transaction_id string
---@field request_id string
---@field method string
---@field uri string
---@field content_type? string
---@field query_strings? ari.RESTQueryStringParameter[]
---@field message_body? string

---@class ari.RESTResponse: ari.Event
---@field type "RESTResponse"
---@field transaction_id string
---@field request_id string
---@field status_code integer
---@field reason_phrase string
---@field uri string
---@field content_type? string
---@field message_body? string

---@class ari.RTPstat
---@field txcount integer
---@field rxcount integer
---@field txjitter? number
---@field rxjitter? number
---@field remote_maxjitter? number
---@field remote_minjitter? number
---@field remote_normdevjitter? number
---@field remote_stdevjitter? number
---@field local_maxjitter? number
---@field local_minjitter? number
---@field local_normdevjitter? number
---@field local_stdevjitter? number
---@field txploss integer
---@field rxploss integer
---@field remote_maxrxploss? number
---@field remote_minrxploss? number
---@field remote_normdevrxploss? number
---@field remote_stdevrxploss? number
---@field local_maxrxploss? number
---@field local_minrxploss? number
---@field local_normdevrxploss? number
---@field local_stdevrxploss? number
---@field rtt? number
---@field maxrtt? number
---@field minrtt? number
---@field normdevrtt? number
---@field stdevrtt? number
---@field local_ssrc integer
---@field remote_ssrc integer
---@field txoctetcount integer
---@field rxoctetcount integer
---@field channel_uniqueid string

---@class ari.RecordingFailed: ari.Event
---@field type "RecordingFailed"
---@field recording ari.LiveRecording

---@class ari.RecordingFinished: ari.Event
---@field type "RecordingFinished"
---@field recording ari.LiveRecording

---@class ari.RecordingStarted: ari.Event
---@field type "RecordingStarted"
---@field recording ari.LiveRecording

---@class ari.ReferTo
---@field requested_destination ari.RequiredDestination
---@field destination_channel? ari.Channel
---@field connected_channel? ari.Channel
---@field bridge? ari.Bridge

---@class ari.ReferredBy
---@field source_channel ari.Channel
---@field connected_channel? ari.Channel
---@field bridge? ari.Bridge

---@class ari.RequiredDestination
---@field protocol_id? string
---@field destination? string
---@field additional_protocol_params? ari.AdditionalParam[]

---@class ari.SetId
---@field user string
---@field group string

---@class ari.Sound
---@field id string
---@field text? string
---@field formats ari.FormatLangPair[]

---@class ari.StasisEnd: ari.Event
---@field type "StasisEnd"
---@field channel ari.Channel

---@class ari.StasisStart: ari.Event
---@field type "StasisStart"
---@field args string[]
---@field channel ari.Channel
---@field replace_channel? ari.Channel

---@class ari.StatusInfo
---@field startup_time string
---@field last_reload_time string

---@class ari.StoredRecording
---@field name string
---@field format string

---@class ari.SystemInfo
---@field version string
---@field entity_id string

---@class ari.TextMessage
---@field from string
---@field to string
---@field body string
---@field variables? table<string, any>

---@class ari.TextMessageReceived: ari.Event
---@field type "TextMessageReceived"
---@field message ari.TextMessage
---@field endpoint? ari.Endpoint

---@class ari.Variable
---@field value string

---@class ari.Variables
---@field variables table<string, any>

---@class ari.applications
local applications = {}

---`GET /applications`
---@return ari.Application[]
function applications.list() end

---@class ari.applications.get.params
---@field applicationName string

---`GET /applications/{applicationName}`
---@param params ari.applications.get.params
---@return ari.Application
function applications.get(params) end

---@class ari.applications.subscribe.params
---@field applicationName string
---@field eventSource string|string[]

---`POST /applications/{applicationName}/subscription`
---@param params ari.applications.subscribe.params
---@return ari.Application
function applications.subscribe(params) end

---@class ari.applications.unsubscribe.params
---@field applicationName string
---@field eventSource string|string[]

---`DELETE /applications/{applicationName}/subscription`
---@param params ari.applications.unsubscribe.params
---@return ari.Application
function applications.unsubscribe(params) end

---@class ari.applications.filter.params
---@field applicationName string
---@field filter? table<string, any>

---`PUT /applications/{applicationName}/eventFilter`
---@param params ari.applications.filter.params
---@return ari.Application
function applications.filter(params) end

---@class ari.asterisk
local asterisk = {}

---@class ari.asterisk.getObject.params
---@field configClass string
---@field objectType string
---@field id string

---`GET /asterisk/config/dynamic/{configClass}/{objectType}/{id}`
---@param params ari.asterisk.getObject.params
---@return ari.ConfigTuple[]
function asterisk.getObject(params) end

---@class ari.asterisk.updateObject.params
---@field configClass string
---@field objectType string
---@field id string
---@field fields? table<string, any>

---`PUT /asterisk/config/dynamic/{configClass}/{objectType}/{id}`
---@param params ari.asterisk.updateObject.params
---@return ari.ConfigTuple[]
function asterisk.updateObject(params) end

---@class ari.asterisk.deleteObject.params
---@field configClass string
---@field objectType string
---@field id string

---`DELETE /asterisk/config/dynamic/{configClass}/{objectType}/{id}`
---@param params ari.asterisk.deleteObject.params
function asterisk.deleteObject(params) end

---@class ari.asterisk.getInfo.params
---@field only? "build"|"system"|"config"|"status"|("build"|"system"|"config"|"status")[]

---`GET /asterisk/info`
---@param params? ari.asterisk.getInfo.params
---@return ari.AsteriskInfo
function asterisk.getInfo(params) end

---`GET /asterisk/ping`
---@return ari.AsteriskPing
function asterisk.ping() end

---`GET /asterisk/modules`
---@return ari.Module[]
function asterisk.listModules() end

---@class ari.asterisk.getModule.params
---@field moduleName string

---`GET /asterisk/modules/{moduleName}`
---@param params ari.asterisk.getModule.params
---@return ari.Module
function asterisk.getModule(params) end

---@class ari.asterisk.loadModule.params
---@field moduleName string

---`POST /asterisk/modules/{moduleName}`
---@param params ari.asterisk.loadModule.params
function asterisk.loadModule(params) end

---@class ari.asterisk.unloadModule.params
---@field moduleName string

---`DELETE /asterisk/modules/{moduleName}`
---@param params ari.asterisk.unloadModule.params
function asterisk.unloadModule(params) end

---@class ari.asterisk.reloadModule.params
---@field moduleName string

---`PUT /asterisk/modules/{moduleName}`
---@param params ari.asterisk.reloadModule.params
function asterisk.reloadModule(params) end

---`GET /asterisk/logging`
---@return ari.LogChannel[]
function asterisk.listLogChannels() end

---@class ari.asterisk.addLog.params
---@field logChannelName string
---@field configuration string

---`POST /asterisk/logging/{logChannelName}`
---@param params ari.asterisk.addLog.params
function asterisk.addLog(params) end

---@class ari.asterisk.deleteLog.params
---@field logChannelName string

---`DELETE /asterisk/logging/{logChannelName}`
---@param params ari.asterisk.deleteLog.params
function asterisk.deleteLog(params) end

---@class ari.asterisk.rotateLog.params
---@field logChannelName string

---`PUT /asterisk/logging/{logChannelName}/rotate`
---@param params ari.asterisk.rotateLog.params
function asterisk.rotateLog(params) end

---@class ari.asterisk.getGlobalVar.params
---@field variable string

---`GET /asterisk/variable`
---@param params ari.asterisk.getGlobalVar.params
---@return ari.Variable
function asterisk.getGlobalVar(params) end

---@class ari.asterisk.setGlobalVar.params
---@field variable string
---@field value? string

---`POST /asterisk/variable`
---@param params ari.asterisk.setGlobalVar.params
function asterisk.setGlobalVar(params) end

---@class ari.bridges
local bridges = {}

---`GET /bridges`
---@return ari.Bridge[]
function bridges.list() end

---@class ari.bridges.create.params
---@field type? string
---@field bridgeId? string
---@field name? string
---@field variables? table<string, any>

---`POST /bridges`
---@param params? ari.bridges.create.params
---@return ari.Bridge
function bridges.create(params) end

---@class ari.bridges.createWithId.params
---@field type? string
---@field bridgeId string
---@field name? string
---@field variables? table<string, any>

---`POST /bridges/{bridgeId}`
---@param params ari.bridges.createWithId.params
---@return ari.Bridge
function bridges.createWithId(params) end

---@class ari.bridges.get.params
---@field bridgeId string

---`GET /bridges/{bridgeId}`
---@param params ari.bridges.get.params
---@return ari.Bridge
function bridges.get(params) end

---@class ari.bridges.destroy.params
---@field bridgeId string

---`DELETE /bridges/{bridgeId}`
---@param params ari.bridges.destroy.params
function bridges.destroy(params) end

---@class ari.bridges.getBridgeVar.params
---@field bridgeId string
---@field variable string

---`GET /bridges/{bridgeId}/variable`
---@param params ari.bridges.getBridgeVar.params
---@return ari.Variable
function bridges.getBridgeVar(params) end

---@class ari.bridges.setBridgeVar.params
---@field bridgeId string
---@field variable string
---@field value? string
---@field report_events? boolean

---`POST /bridges/{bridgeId}/variable`
---@param params ari.bridges.setBridgeVar.params
function bridges.setBridgeVar(params) end

---@class ari.bridges.getBridgeVars.params
---@field bridgeId string
---@field variables string|string[]

---`GET /bridges/{bridgeId}/variables`
---@param params ari.bridges.getBridgeVars.params
---@return ari.Variables
function bridges.getBridgeVars(params) end

---@class ari.bridges.setBridgeVars.params
---@field bridgeId string
---@field variables table<string, any>

---`POST /bridges/{bridgeId}/variables`
---@param params ari.bridges.setBridgeVars.params
function bridges.setBridgeVars(params) end

---@class ari.bridges.addChannel.params
---@field bridgeId string
---@field channel string|string[]
---@field role? string
---@field absorbDTMF? boolean
---@field mute? boolean
---@field inhibitConnectedLineUpdates? boolean

---`POST /bridges/{bridgeId}/addChannel`
---@param params ari.bridges.addChannel.params
function bridges.addChannel(params) end

---@class ari.bridges.removeChannel.params
---@field bridgeId string
---@field channel string|string[]

---`POST /bridges/{bridgeId}/removeChannel`
---@param params ari.bridges.removeChannel.params
function bridges.removeChannel(params) end

---@class ari.bridges.setVideoSource.params
---@field bridgeId string
---@field channelId string

---`POST /bridges/{bridgeId}/videoSource/{channelId}`
---@param params ari.bridges.setVideoSource.params
function bridges.setVideoSource(params) end

---@class ari.bridges.clearVideoSource.params
---@field bridgeId string

---`DELETE /bridges/{bridgeId}/videoSource`
---@param params ari.bridges.clearVideoSource.params
function bridges.clearVideoSource(params) end

---@class ari.bridges.startMoh.params
---@field bridgeId string
---@field mohClass? string

---`POST /bridges/{bridgeId}/moh`
---@param params ari.bridges.startMoh.params
function bridges.startMoh(params) end

---@class ari.bridges.stopMoh.params
---@field bridgeId string

---`DELETE /bridges/{bridgeId}/moh`
---@param params ari.bridges.stopMoh.params
function bridges.stopMoh(params) end

---@class ari.bridges.play.params
---@field bridgeId string
---@field media string|string[]
---@field announcer_format? string
---@field lang? string
---@field offsetms? integer
---@field skipms? integer
---@field playbackId? string

---`POST /bridges/{bridgeId}/play`
---@param params ari.bridges.play.params
---@return ari.Playback
function bridges.play(params) end

---@class ari.bridges.playWithId.params
---@field bridgeId string
---@field playbackId string
---@field media string|string[]
---@field announcer_format? string
---@field lang? string
---@field offsetms? integer
---@field skipms? integer

---`POST /bridges/{bridgeId}/play/{playbackId}`
---@param params ari.bridges.playWithId.params
---@return ari.Playback
function bridges.playWithId(params) end

---@class ari.bridges.record.params
---@field bridgeId string
---@field name string
---@field format string
---@field recorder_format? string
---@field maxDurationSeconds? integer
---@field maxSilenceSeconds? integer
---@field ifExists? "fail"|"overwrite"|"append"
---@field beep? boolean
---@field terminateOn? "none"|"any"|"*"|"#"

---`POST /bridges/{bridgeId}/record`
---@param params ari.bridges.record.params
---@return ari.LiveRecording
function bridges.record(params) end

---@class ari.channels
local channels = {}

---`GET /channels`
---@return ari.Channel[]
function channels.list() end

---@class ari.channels.originate.params
---@field endpoint string
---@field extension? string
---@field context? string
---@field priority? integer
---@field label? string
---@field app? string
---@field appArgs? string
---@field callerId? string
---@field timeout? integer
---@field variables? table<string, any>
---@field channelId? string
---@field otherChannelId? string
---@field originator? string
---@field formats? string

---`POST /channels`
---@param params ari.channels.originate.params
---@return ari.Channel
function channels.originate(params) end

---@class ari.channels.create.params
---@field endpoint string
---@field app? string
---@field appArgs? string
---@field channelId? string
---@field otherChannelId? string
---@field originator? string
---@field formats? string
---@field variables? table<string, any>

---`POST /channels/create`
---@param params ari.channels.create.params
---@return ari.Channel
function channels.create(params) end

---@class ari.channels.get.params
---@field channelId string

---`GET /channels/{channelId}`
---@param params ari.channels.get.params
---@return ari.Channel
function channels.get(params) end

---@class ari.channels.originateWithId.params
---@field channelId string
---@field endpoint string
---@field extension? string
---@field context? string
---@field priority? integer
---@field label? string
---@field app? string
---@field appArgs? string
---@field callerId? string
---@field timeout? integer
---@field variables? table<string, any>
---@field otherChannelId? string
---@field originator? string
---@field formats? string

---`POST /channels/{channelId}`
---@param params ari.channels.originateWithId.params
---@return ari.Channel
function channels.originateWithId(params) end

---@alias ari.channels.hangup.params.reason
---| "normal"
---| "busy"
---| "congestion"
---| "no_answer"
---| "timeout"
---| "rejected"
---| "unallocated"
---| "normal_unspecified"
---| "number_incomplete"
---| "codec_mismatch"
---| "interworking"
---| "failure"
---| "answered_elsewhere"

---@class ari.channels.hangup.params
---@field channelId string
---@field reason_code? string
---@field reason? ari.channels.hangup.params.reason

---`DELETE /channels/{channelId}`
---@param params ari.channels.hangup.params
function channels.hangup(params) end

---@class ari.channels.continueInDialplan.params
---@field channelId string
---@field context? string
---@field extension? string
---@field priority? integer
---@field label? string

---`POST /channels/{channelId}/continue`
---@param params ari.channels.continueInDialplan.params
function channels.continueInDialplan(params) end

---@class ari.channels.move.params
---@field channelId string
---@field app string
---@field appArgs? string

---`POST /channels/{channelId}/move`
---@param params ari.channels.move.params
function channels.move(params) end

---@class ari.channels.redirect.params
---@field channelId string
---@field endpoint string

---`POST /channels/{channelId}/redirect`
---@param params ari.channels.redirect.params
function channels.redirect(params) end

---@class ari.channels.answer.params
---@field channelId string

---`POST /channels/{channelId}/answer`
---@param params ari.channels.answer.params
function channels.answer(params) end

---@class ari.channels.ring.params
---@field channelId string

---`POST /channels/{channelId}/ring`
---@param params ari.channels.ring.params
function channels.ring(params) end

---@class ari.channels.ringStop.params
---@field channelId string

---`DELETE /channels/{channelId}/ring`
---@param params ari.channels.ringStop.params
function channels.ringStop(params) end

---@class ari.channels.progress.params
---@field channelId string

---`POST /channels/{channelId}/progress`
---@param params ari.channels.progress.params
function channels.progress(params) end

---@class ari.channels.sendDTMF.params
---@field channelId string
---@field dtmf? string
---@field before? integer
---@field between? integer
---@field duration? integer
---@field after? integer

---`POST /channels/{channelId}/dtmf`
---@param params ari.channels.sendDTMF.params
function channels.sendDTMF(params) end

---@class ari.channels.mute.params
---@field channelId string
---@field direction? "both"|"in"|"out"

---`POST /channels/{channelId}/mute`
---@param params ari.channels.mute.params
function channels.mute(params) end

---@class ari.channels.unmute.params
---@field channelId string
---@field direction? "both"|"in"|"out"

---`DELETE /channels/{channelId}/mute`
---@param params ari.channels.unmute.params
function channels.unmute(params) end

---@class ari.channels.hold.params
---@field channelId string

---`POST /channels/{channelId}/hold`
---@param params ari.channels.hold.params
function channels.hold(params) end

---@class ari.channels.unhold.params
---@field channelId string

---`DELETE /channels/{channelId}/hold`
---@param params ari.channels.unhold.params
function channels.unhold(params) end

---@class ari.channels.startMoh.params
---@field channelId string
---@field mohClass? string

---`POST /channels/{channelId}/moh`
---@param params ari.channels.startMoh.params
function channels.startMoh(params) end

---@class ari.channels.stopMoh.params
---@field channelId string

---`DELETE /channels/{channelId}/moh`
---@param params ari.channels.stopMoh.params
function channels.stopMoh(params) end

---@class ari.channels.startSilence.params
---@field channelId string

---`POST /channels/{channelId}/silence`
---@param params ari.channels.startSilence.params
function channels.startSilence(params) end

---@class ari.channels.stopSilence.params
---@field channelId string

---`DELETE /channels/{channelId}/silence`
---@param params ari.channels.stopSilence.params
function channels.stopSilence(params) end

---@class ari.channels.play.params
---@field channelId string
---@field media string|string[]
---@field lang? string
---@field offsetms? integer
---@field skipms? integer
---@field playbackId? string

---`POST /channels/{channelId}/play`
---@param params ari.channels.play.params
---@return ari.Playback
function channels.play(params) end

---@class ari.channels.playWithId.params
---@field channelId string
---@field playbackId string
---@field media string|string[]
---@field lang? string
---@field offsetms? integer
---@field skipms? integer

---`POST /channels/{channelId}/play/{playbackId}`
---@param params ari.channels.playWithId.params
---@return ari.Playback
function channels.playWithId(params) end

---@class ari.channels.record.params
---@field channelId string
---@field name string
---@field format string
---@field maxDurationSeconds? integer
---@field maxSilenceSeconds? integer
---@field ifExists? "fail"|"overwrite"|"append"
---@field beep? boolean
---@field terminateOn? "none"|"any"|"*"|"#"

---`POST /channels/{channelId}/record`
---@param params ari.channels.record.params
---@return ari.LiveRecording
function channels.record(params) end

---@class ari.channels.getChannelVar.params
---@field channelId string
---@field variable string

---`GET /channels/{channelId}/variable`
---@param params ari.channels.getChannelVar.params
---@return ari.Variable
function channels.getChannelVar(params) end

---@class ari.channels.setChannelVar.params
---@field channelId string
---@field variable string
---@field value? string
---@field report_events? boolean

---`POST /channels/{channelId}/variable`
---@param params ari.channels.setChannelVar.params
function channels.setChannelVar(params) end

---@class ari.channels.getChannelVars.params
---@field channelId string
---@field variables string|string[]

---`GET /channels/{channelId}/variables`
---@param params ari.channels.getChannelVars.params
---@return ari.Variables
function channels.getChannelVars(params) end

---@class ari.channels.setChannelVars.params
---@field channelId string
---@field variables table<string, any>

---`POST /channels/{channelId}/variables`
---@param params ari.channels.setChannelVars.params
function channels.setChannelVars(params) end

---@class ari.channels.snoopChannel.params
---@field channelId string
---@field spy? "none"|"both"|"out"|"in"
---@field whisper? "none"|"both"|"out"|"in"
---@field app? string
---@field appArgs? string
---@field snoopId? string

---`POST /channels/{channelId}/snoop`
---@param params ari.channels.snoopChannel.params
---@return ari.Channel
function channels.snoopChannel(params) end

---@class ari.channels.snoopChannelWithId.params
---@field channelId string
---@field snoopId string
---@field spy? "none"|"both"|"out"|"in"
---@field whisper? "none"|"both"|"out"|"in"
---@field app? string
---@field appArgs? string

---`POST /channels/{channelId}/snoop/{snoopId}`
---@param params ari.channels.snoopChannelWithId.params
---@return ari.Channel
function channels.snoopChannelWithId(params) end

---@class ari.channels.dial.params
---@field channelId string
---@field caller? string
---@field timeout? integer

---`POST /channels/{channelId}/dial`
---@param params ari.channels.dial.params
function channels.dial(params) end

---@class ari.channels.rtpstatistics.params
---@field channelId string

---`GET /channels/{channelId}/rtp_statistics`
---@param params ari.channels.rtpstatistics.params
---@return ari.RTPstat
function channels.rtpstatistics(params) end

---@class ari.channels.externalMedia.params
---@field channelId? string
---@field app? string
---@field variables? table<string, any>
---@field external_host? string
---@field encapsulation? "rtp"|"audiosocket"|"none"
---@field transport? "udp"|"tcp"|"websocket"
---@field connection_type? "client"|"server"
---@field format string
---@field direction? "both"
---@field data? string
---@field transport_data? string

---`POST /channels/externalMedia`
---@param params ari.channels.externalMedia.params
---@return ari.Channel
function channels.externalMedia(params) end

---@class ari.channels.transfer_progress.params
---@field channelId string
---@field states string

---`POST /channels/{channelId}/transfer_progress`
---@param params ari.channels.transfer_progress.params
function channels.transfer_progress(params) end

---@class ari.deviceStates
local deviceStates = {}

---`GET /deviceStates`
---@return ari.DeviceState[]
function deviceStates.list() end

---@class ari.deviceStates.get.params
---@field deviceName string

---`GET /deviceStates/{deviceName}`
---@param params ari.deviceStates.get.params
---@return ari.DeviceState
function deviceStates.get(params) end

---@class ari.deviceStates.update.params
---@field deviceName string
---@field deviceState "NOT_INUSE"|"INUSE"|"BUSY"|"INVALID"|"UNAVAILABLE"|"RINGING"|"RINGINUSE"|"ONHOLD"

---`PUT /deviceStates/{deviceName}`
---@param params ari.deviceStates.update.params
function deviceStates.update(params) end

---@class ari.deviceStates.delete.params
---@field deviceName string

---`DELETE /deviceStates/{deviceName}`
---@param params ari.deviceStates.delete.params
function deviceStates.delete(params) end

---@class ari.endpoints
local endpoints = {}

---`GET /endpoints`
---@return ari.Endpoint[]
function endpoints.list() end

---@class ari.endpoints.sendMessage.params
---@field to string
---@field from string
---@field body? string
---@field variables? table<string, any>

---`PUT /endpoints/sendMessage`
---@param params ari.endpoints.sendMessage.params
function endpoints.sendMessage(params) end

---@class ari.endpoints.refer.params
---@field to string
---@field from string
---@field refer_to string
---@field to_self? boolean
---@field variables? table<string, any>

---`POST /endpoints/refer`
---@param params ari.endpoints.refer.params
function endpoints.refer(params) end

---@class ari.endpoints.listByTech.params
---@field tech string

---`GET /endpoints/{tech}`
---@param params ari.endpoints.listByTech.params
---@return ari.Endpoint[]
function endpoints.listByTech(params) end

---@class ari.endpoints.get.params
---@field tech string
---@field resource string

---`GET /endpoints/{tech}/{resource}`
---@param params ari.endpoints.get.params
---@return ari.Endpoint
function endpoints.get(params) end

---@class ari.endpoints.sendMessageToEndpoint.params
---@field tech string
---@field resource string
---@field from string
---@field body? string
---@field variables? table<string, any>

---`PUT /endpoints/{tech}/{resource}/sendMessage`
---@param params ari.endpoints.sendMessageToEndpoint.params
function endpoints.sendMessageToEndpoint(params) end

---@class ari.endpoints.referToEndpoint.params
---@field tech string
---@field resource string
---@field from string
---@field refer_to string
---@field to_self? boolean
---@field variables? table<string, any>

---`POST /endpoints/{tech}/{resource}/refer`
---@param params ari.endpoints.referToEndpoint.params
function endpoints.referToEndpoint(params) end

---@class ari.events
local events = {}

---@class ari.events.eventWebsocket.params
---@field app string|string[]
---@field subscribeAll? boolean

---`GET /events`
---@param params ari.events.eventWebsocket.params
---@return ari.Message
function events.eventWebsocket(params) end

---@class ari.events.userEvent.params
---@field eventName string
---@field application string
---@field source? string|string[]
---@field variables? table<string, any>

---`POST /events/user/{eventName}`
---@param params ari.events.userEvent.params
function events.userEvent(params) end

---@class ari.events.claimChannel.params
---@field channelId string
---@field application string

---`POST /events/claim`
---@param params ari.events.claimChannel.params
function events.claimChannel(params) end

---@class ari.mailboxes
local mailboxes = {}

---`GET /mailboxes`
---@return ari.Mailbox[]
function mailboxes.list() end

---@class ari.mailboxes.get.params
---@field mailboxName string

---`GET /mailboxes/{mailboxName}`
---@param params ari.mailboxes.get.params
---@return ari.Mailbox
function mailboxes.get(params) end

---@class ari.mailboxes.update.params
---@field mailboxName string
---@field oldMessages integer
---@field newMessages integer

---`PUT /mailboxes/{mailboxName}`
---@param params ari.mailboxes.update.params
function mailboxes.update(params) end

---@class ari.mailboxes.delete.params
---@field mailboxName string

---`DELETE /mailboxes/{mailboxName}`
---@param params ari.mailboxes.delete.params
function mailboxes.delete(params) end

---@class ari.playbacks
local playbacks = {}

---@class ari.playbacks.get.params
---@field playbackId string

---`GET /playbacks/{playbackId}`
---@param params ari.playbacks.get.params
---@return ari.Playback
function playbacks.get(params) end

---@class ari.playbacks.stop.params
---@field playbackId string

---`DELETE /playbacks/{playbackId}`
---@param params ari.playbacks.stop.params
function playbacks.stop(params) end

---@class ari.playbacks.control.params
---@field playbackId string
---@field operation "restart"|"pause"|"unpause"|"reverse"|"forward"

---`POST /playbacks/{playbackId}/control`
---@param params ari.playbacks.control.params
function playbacks.control(params) end

---@class ari.recordings
local recordings = {}

---`GET /recordings/stored`
---@return ari.StoredRecording[]
function recordings.listStored() end

---@class ari.recordings.getStored.params
---@field recordingName string

---`GET /recordings/stored/{recordingName}`
---@param params ari.recordings.getStored.params
---@return ari.StoredRecording
function recordings.getStored(params) end

---@class ari.recordings.deleteStored.params
---@field recordingName string

---`DELETE /recordings/stored/{recordingName}`
---@param params ari.recordings.deleteStored.params
function recordings.deleteStored(params) end

---@class ari.recordings.getStoredFile.params
---@field recordingName string

---`GET /recordings/stored/{recordingName}/file`
---@param params ari.recordings.getStoredFile.params
function recordings.getStoredFile(params) end

---@class ari.recordings.copyStored.params
---@field recordingName string
---@field destinationRecordingName string

---`POST /recordings/stored/{recordingName}/copy`
---@param params ari.recordings.copyStored.params
---@return ari.StoredRecording
function recordings.copyStored(params) end

---@class ari.recordings.getLive.params
---@field recordingName string

---`GET /recordings/live/{recordingName}`
---@param params ari.recordings.getLive.params
---@return ari.LiveRecording
function recordings.getLive(params) end

---@class ari.recordings.cancel.params
---@field recordingName string

---`DELETE /recordings/live/{recordingName}`
---@param params ari.recordings.cancel.params
function recordings.cancel(params) end

---@class ari.recordings.stop.params
---@field recordingName string

---`POST /recordings/live/{recordingName}/stop`
---@param params ari.recordings.stop.params
function recordings.stop(params) end

---@class ari.recordings.pause.params
---@field recordingName string

---`POST /recordings/live/{recordingName}/pause`
---@param params ari.recordings.pause.params
function recordings.pause(params) end

---@class ari.recordings.unpause.params
---@field recordingName string

---`DELETE /recordings/live/{recordingName}/pause`
---@param params ari.recordings.unpause.params
function recordings.unpause(params) end

---@class ari.recordings.mute.params
---@field recordingName string

---`POST /recordings/live/{recordingName}/mute`
---@param params ari.recordings.mute.params
function recordings.mute(params) end

---@class ari.recordings.unmute.params
---@field recordingName string

---`DELETE /recordings/live/{recordingName}/mute`
---@param params ari.recordings.unmute.params
function recordings.unmute(params) end

---@class ari.sounds
local sounds = {}

---@class ari.sounds.list.params
---@field lang? string
---@field format? string

---`GET /sounds`
---@param params? ari.sounds.list.params
---@return ari.Sound[]
function sounds.list(params) end

---@class ari.sounds.get.params
---@field soundId string

---`GET /sounds/{soundId}`
---@param params ari.sounds.get.params
---@return ari.Sound
function sounds.get(params) end

---@class ari.Request
---@field method? string
---@field path? string
---@field query? table<string, any>
---@field body? any

---Any method and path: ari.request("GET", "/asterisk/info", {query = {only = "system"}}), or one table with all of it.
---@overload fun(request: ari.Request): any
---@param method string
---@param path string
---@param options? ari.Request
---@return any
function ari.request(method, path, options) end

---The API of one of several Asterisks, by the name that the configuration gives it.
---@param target string
---@return ari
function ari.at(target) end

return ari
