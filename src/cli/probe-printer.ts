/** What a probe found, as lines for people, behind the explanation. */
import type { ProbeFinding } from '../installer/probe-findings.ts';
import { numbered, section, table } from './explanation-printer.ts';

export function formatProbe(findings: readonly ProbeFinding[]): string {
  if (findings.length === 0) return '\non the network: nothing to look at, there is no address\n';
  const rows = findings.map(({ ip, outcome, message }) => [ip, outcome, message]);
  const ports = findings.flatMap(({ ip, tcp }) =>
    tcp.map(({ port, result, message }) => [`${ip} tcp/${port}`, result, message]),
  );
  const advice = Array.from(new Set(findings.flatMap((finding) => finding.advice)));
  const sections = [
    section('on the network', table(rows)),
    section('ports', table(ports)),
    section('what to do on the network', numbered(advice)),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => `\n${lines.join('\n')}\n`)
    .join('');
}
