// free-ports.mjs FIRST COUNT: prints the first port from FIRST on that begins COUNT
// ports in a row that are free on 127.0.0.1 for UDP and TCP.
import dgram from "node:dgram";
import net from "node:net";

const [first, count] = process.argv.slice(2).map(Number);

const isFreeForUdp = (port) =>
	new Promise((resolve) => {
		const socket = dgram.createSocket("udp4");
		socket.once("error", () => resolve(false));
		socket.bind(port, "127.0.0.1", () => socket.close(() => resolve(true)));
	});

const isFreeForTcp = (port) =>
	new Promise((resolve) => {
		const server = net.createServer();
		server.once("error", () => resolve(false));
		server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
	});

const isFree = async (port) => (await isFreeForUdp(port)) && (await isFreeForTcp(port));

let run = 0;
for (let port = first; port < 65536; port++) {
	run = (await isFree(port)) ? run + 1 : 0;
	if (run === count) {
		console.log(port - count + 1);
		process.exit(0);
	}
}
console.error("no free ports");
process.exit(1);
