/* authority.mjs: a certificate authority of the test's own, and a browser's home in which it is trusted. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { tempFolder } from "./temp.mjs";

const CERTUTIL = "/usr/bin/certutil";

function run(program, args) {
	try {
		execFileSync(program, args, { stdio: ["ignore", "pipe", "pipe"] });
	} catch (error) {
		throw new Error(`${program} ${args.join(" ")}: ${error.stderr || error}`);
	}
}

const newKey = (file) => ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file];

export class Authority {
	#folder = tempFolder("authority");
	#issued = 0;

	constructor() {
		const extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"].flatMap((each) => ["-addext", each]);
		run("openssl", ["req", "-x509", ...newKey(this.#at("ca.key")), "-out", this.#at("ca.pem"), "-days", "2", "-subj", "/CN=Test authority", ...extensions]);
	}

	#at = (name) => path.join(this.#folder, name);

	/** Its own certificate, a PEM file. */
	get certificate() {
		return this.#at("ca.pem");
	}

	/** @param addresses IP addresses it is for
	 *  @returns { certificate, key }, PEM files */
	issue(...addresses) {
		const [certificate, key, request, extensions] = ["pem", "key", "csr", "ext"].map((end) => this.#at(`${this.#issued}.${end}`));
		this.#issued++;
		writeFileSync(extensions, `subjectAltName=${addresses.map((each) => `IP:${each}`).join(",")}\nextendedKeyUsage=serverAuth\n`);
		run("openssl", ["req", "-new", ...newKey(key), "-out", request, "-subj", `/CN=${addresses[0]}`]);
		run("openssl", ["x509", "-req", "-in", request, "-CA", this.#at("ca.pem"), "-CAkey", this.#at("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", certificate]);
		return { certificate, key };
	}

	/** A home folder whose NSS store, which Chromium asks, trusts this authority. */
	home() {
		if (!existsSync(CERTUTIL)) throw new Error("no certutil: install Debian's package libnss3-tools");
		const home = tempFolder("home");
		const store = path.join(home, ".pki/nssdb");
		mkdirSync(store, { recursive: true });
		run(CERTUTIL, ["-d", `sql:${store}`, "-N", "--empty-password"]);
		run(CERTUTIL, ["-d", `sql:${store}`, "-A", "-t", "C,,", "-n", "test", "-i", this.#at("ca.pem")]);
		return home;
	}
}
