"""The native doors: WebSocket, WebRTC signalling, and what the console reads over HTTP."""
