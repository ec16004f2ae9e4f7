"""What the gateway serves to browsers: the client aribridge.js with its modules, and the console."""
