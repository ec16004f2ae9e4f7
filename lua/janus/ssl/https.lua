-- The module "ssl.https": "socket.http" under the name by which scripts know it for https.

local host = ...

return host.loaded["socket.http"]
