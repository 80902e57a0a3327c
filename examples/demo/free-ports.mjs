// free-ports.mjs FIRST COUNT: prints the first port from FIRST on that begins COUNT
// free UDP ports in a row on 127.0.0.1.
import dgram from "node:dgram";

const [first, count] = process.argv.slice(2).map(Number);

const isFree = (port) =>
	new Promise((resolve) => {
		const socket = dgram.createSocket("udp4");
		socket.once("error", () => resolve(false));
		socket.bind(port, "127.0.0.1", () => socket.close(() => resolve(true)));
	});

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
