/* stats.ts: the few facts the phone reads from RTCPeerConnection.getStats(). */

export interface MediaFacts {
  codec?: string; // "Opus · 48 kHz", in the words of the page
  energy: number; // received so far: grows only while something is heard
}

const NAMES: Record<string, string> = { opus: "Opus", PCMA: "G.711 A-law", PCMU: "G.711 µ-law", G722: "G.722" };

interface Entry {
  type: string;
  kind?: string;
  codecId?: string;
  mimeType?: string;
  clockRate?: number;
  totalAudioEnergy?: number;
}

/** @param report a RTCStatsReport, or anything that walks like one */
export function mediaFacts(report: { forEach(fn: (entry: Entry) => void): void; get(id: string): unknown }): MediaFacts {
  const facts: MediaFacts = { energy: 0 };
  let sent: string | undefined;
  let received: string | undefined;

  report.forEach((entry) => {
    if (entry.kind !== "audio") return;
    if (entry.type === "outbound-rtp") sent = entry.codecId;
    if (entry.type === "inbound-rtp") {
      received = entry.codecId;
      facts.energy += entry.totalAudioEnergy ?? 0;
    }
  });

  const id = sent ?? received;
  const codec = id ? (report.get(id) as Entry | undefined) : undefined;
  if (codec?.mimeType) {
    const name = codec.mimeType.replace(/^audio\//i, "");
    /* G.722 says 8000 in RTP and samples at 16 kHz (RFC 3551 §4.5.2) */
    const rate = name === "G722" ? 16000 : codec.clockRate;
    facts.codec = (NAMES[name] ?? name) + (rate ? ` · ${rate / 1000} kHz` : "");
  }
  return facts;
}
