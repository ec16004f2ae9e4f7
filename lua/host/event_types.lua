-- The types of Asterisk's own events (its rest-api/api-docs/events.json, versions 16 to 22): what clients read under
-- these names comes from Asterisk, never from a script.

local host = ...

host.asterisk_events = {}

for name in ([[
  ApplicationMoveFailed ApplicationRegistered ApplicationReplaced ApplicationUnregistered
  BridgeAttendedTransfer BridgeBlindTransfer BridgeCreated BridgeDestroyed BridgeMerged BridgeVideoSourceChanged
  CallBroadcast CallClaimed
  ChannelCallerId ChannelConnectedLine ChannelCreated ChannelDestroyed ChannelDialplan ChannelDtmfReceived
  ChannelEnteredBridge ChannelHangupRequest ChannelHold ChannelLeftBridge ChannelStateChange ChannelTalkingFinished
  ChannelTalkingStarted ChannelToneDetected ChannelTransfer ChannelUnhold ChannelUserevent ChannelVarset
  ContactInfo ContactStatusChange DeviceStateChanged Dial EndpointStateChange Event Message MissingParams Peer
  PeerStatusChange PlaybackContinuing PlaybackFinished PlaybackStarted RESTResponse RecordingFailed RecordingFinished
  RecordingStarted StasisEnd StasisStart TextMessageReceived
]]):gmatch("%a+") do
  host.asterisk_events[name] = true
end
