/* ports.mjs: ports for the test's own servers.
 *
 * HOOKSWITCH_TEST_PORTS=FIRST-LAST says from where; below the system's ephemeral ports, so that no
 * outgoing connection of somebody else takes one between asking and using it. */
import dgram from "node:dgram";
import net from "node:net";

export const RANGE = (process.env.HOOKSWITCH_TEST_PORTS ?? "31000-31999").split("-").map(Number);
const [FIRST, LAST] = RANGE;
let next = FIRST + Math.floor(Math.random() * ((LAST - FIRST) / 2)) * 2; // runs beside each other rarely meet

const isFree = async (port) => {
	const udp = dgram.createSocket("udp4");
	const tcp = net.createServer();
	try {
		await new Promise((resolve, reject) => udp.once("error", reject).bind(port, "127.0.0.1", resolve));
		await new Promise((resolve, reject) => tcp.once("error", reject).listen(port, "127.0.0.1", resolve));
		return true;
	} catch {
		return false;
	} finally {
		await new Promise((resolve) => udp.close(resolve));
		await new Promise((resolve) => tcp.close(resolve));
	}
};

/** @returns the first of `count` consecutive ports, even, free for UDP and TCP on 127.0.0.1 */
export async function freePorts(count = 1) {
	for (let tries = 0; tries < 1000; tries++) {
		if (next + count > LAST) next = FIRST;
		const first = next;
		next += count + (count % 2);
		const all = Array.from({ length: count }, (_, i) => first + i);
		if ((await Promise.all(all.map(isFree))).every(Boolean)) return first;
	}
	throw new Error(`no ${count} free ports in ${FIRST}-${LAST}`);
}
