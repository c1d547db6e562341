// The reference server, as benches/lab/socketio wants one: socketio.mjs PORT, on 127.0.0.1.
import { Server } from "socket.io";

const io = new Server({ perMessageDeflate: false, serveClient: false });
io.on("connection", (socket) => {
    socket.on("echo", (message) => socket.emit("echo", message));
    socket.on("all", (message) => io.emit("all", message));
});
const http = await import("node:http");
const server = http.createServer();
io.attach(server);
server.listen(Number(process.argv[2]), "127.0.0.1");
