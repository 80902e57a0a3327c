/* page_tones.mjs: how many tones a page itself makes now (ringback, ringing, keys). */

/** Reloads the page so that its own tones can be counted. */
export async function watchTones(page) {
	await page.page.addInitScript(() => {
		window.running = new Set();
		const Native = window.OscillatorNode;
		window.OscillatorNode = class extends Native {
			start(...args) {
				super.start(...args);
				window.running.add(this);
			}
			stop(...args) {
				super.stop(...args);
				window.running.delete(this);
			}
		};
	});
	await page.page.reload();
}

/** How many of `hz` run now. */
export const tonesOf = (page, hz) =>
	page.page.evaluate((wanted) => [...window.running].filter((each) => each.frequency.value === wanted).length, hz);
