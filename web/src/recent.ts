/* recent.ts: the list of this page's last calls. It lives as long as the page. */
import type { EndedEvent } from "./phone.ts";

const MOST = 20;

export function duration(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${two(minutes)}:${two(seconds)}`;
}

function outcome(event: EndedEvent): string {
  if (event.talkedMs > 0) return duration(event.talkedMs);
  switch (event.problem?.reason) {
    case undefined:
      return event.isIncoming ? "Declined" : "Cancelled";
    case "missed":
      return "Missed";
    case "answered-elsewhere":
      return "Answered elsewhere";
    case "busy":
      return "Busy";
    case "declined":
      return "Declined";
    default:
      return "Not connected";
  }
}

function icon(id: string): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#${id}`);
  svg.append(use);
  return svg;
}

/** Puts a call that ended on top of the list; a click on it calls `pick`. */
export function addRecent(list: HTMLOListElement, event: EndedEvent, pick: (peer: string) => void): void {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const name = document.createElement("span");
  const what = document.createElement("span");
  const when = document.createElement("time");

  button.type = "button";
  button.className = event.talkedMs > 0 ? "" : "failed";
  name.className = "name";
  name.textContent = event.peer;
  what.className = "what";
  what.textContent = `${event.isIncoming ? "Incoming" : "Outgoing"} · ${outcome(event)}`;
  when.textContent = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  name.append(what);
  button.append(icon(event.isIncoming ? "i-in" : "i-out"), name, when);
  button.addEventListener("click", () => pick(event.peer));
  item.append(button);
  list.prepend(item);
  while (list.children.length > MOST) list.lastElementChild?.remove();
}
