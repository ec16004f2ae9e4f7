"""How clients are connected: WebSockets and WebRTC data channels, in one shape."""
