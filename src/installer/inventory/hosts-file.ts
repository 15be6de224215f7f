/**
 * The inventory's `hosts` file: Ansible's INI format, as kubeasz writes it. Parsing is total: every faulty line becomes
 * a Problem and the rest is still read, so that one run shows all of them.
 *
 *     [kube_node]                        a group and its hosts
 *     10.6.204.[2:3] ansible_user=root   a range of hosts, with variables
 *     [k8s:children]                     groups inside a group
 *     [all:vars]                         variables of every host
 *
 * Not read: host_vars/ and group_vars/ directories, and YAML inventories.
 */
import { parseHostPattern } from './host-range.ts';
import { parseLiteral, parseVarsValue, splitWords } from './ini-values.ts';
import type { Located, Problem, SourcePosition } from './located.ts';

export interface HostsFile {
  /** By name, in the order of first mention. */
  readonly hosts: ReadonlyMap<string, HostEntry>;
  /** By name; "all" and "ungrouped" are always there. */
  readonly groups: ReadonlyMap<string, GroupEntry>;
}

export interface HostEntry {
  readonly name: string;
  /** Where it was first named. */
  readonly at: SourcePosition;
  /** Only what stands on its own lines, without its groups' variables. */
  readonly variables: ReadonlyMap<string, Located>;
}

export interface GroupEntry {
  readonly name: string;
  /** Direct members, in order; those of child groups are not repeated here. */
  readonly hosts: readonly string[];
  readonly children: readonly string[];
  readonly variables: ReadonlyMap<string, Located>;
}

interface MutableGroup {
  name: string;
  hosts: string[];
  children: string[];
  variables: Map<string, Located>;
}

interface Reading {
  readonly file: string;
  readonly hosts: Map<string, { name: string; at: SourcePosition; variables: Map<string, Located> }>;
  readonly groups: Map<string, MutableGroup>;
  /** Groups that a section header or the format itself declares; [x:vars] and children must name one of these. */
  readonly declared: Set<string>;
  readonly references: { group: string; at: SourcePosition; by: string }[];
  readonly problems: Problem[];
}

type SectionKind = 'hosts' | 'children' | 'vars';
interface Section {
  readonly group: string;
  readonly kind: SectionKind;
}

export function parseHostsFile(text: string, file: string): { value: HostsFile; problems: readonly Problem[] } {
  const reading: Reading = {
    file,
    hosts: new Map(),
    groups: new Map(),
    declared: new Set(['all', 'ungrouped']),
    references: [],
    problems: [],
  };
  for (const name of reading.declared) groupOf(reading, name);
  let section: Section | undefined = { group: 'ungrouped', kind: 'hosts' };
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    const at = { file, line: index + 1 };
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    if (isSectionHeader(line)) section = readSectionHeader(reading, line, at);
    // A section whose header was faulty is skipped: its lines would only repeat the one complaint.
    else if (section !== undefined) readLine(reading, section, line, at);
  }
  for (const { group, at, by } of reading.references) {
    if (!reading.declared.has(group)) {
      reading.problems.push({ at, message: `[${by}] names the group "${group}", which no section declares` });
    }
  }
  reportCycles(reading);
  return { value: { hosts: reading.hosts, groups: reading.groups }, problems: reading.problems };
}

/** A host range may also begin with a bracket: "[a:c].example.com" is a host line, "[kube_node]" a header. */
function isSectionHeader(line: string): boolean {
  return line.startsWith('[') && !/^\[[^\]]*\][^\s#;]/.test(line) && !/^\[[0-9a-fA-F.]*:[0-9a-fA-F:.]*\]/.test(line);
}

function readSectionHeader(reading: Reading, line: string, at: SourcePosition): Section | undefined {
  const header = /^\[([^:\]\s]+)(?::([^\]\s]*))?\]\s*(?:[#;].*)?$/.exec(line);
  if (header?.[1] === undefined) {
    reading.problems.push({
      at,
      message: `"${line}" is not a section header: write [group], [group:children] or [group:vars]`,
    });
    return undefined;
  }
  const group = header[1];
  const kind = header[2] ?? 'hosts';
  if (kind !== 'hosts' && kind !== 'children' && kind !== 'vars') {
    reading.problems.push({
      at,
      message: `[${group}:${kind}] is no kind of section: write [${group}], [${group}:children] or [${group}:vars]`,
    });
    return undefined;
  }
  if (kind === 'vars') reading.references.push({ group, at, by: `${group}:vars` });
  else reading.declared.add(group);
  groupOf(reading, group);
  return { group, kind };
}

function readLine(reading: Reading, section: Section, line: string, at: SourcePosition): void {
  const readers = { hosts: readHostLine, children: readChildLine, vars: readVariableLine };
  readers[section.kind](reading, section.group, line, at);
}

function readHostLine(reading: Reading, group: string, line: string, at: SourcePosition): void {
  const words = splitWords(line);
  if (!words.ok) {
    reading.problems.push({ at, message: words.error });
    return;
  }
  const [patternText, ...assignments] = words.value;
  if (patternText === undefined) return;
  const pattern = parseHostPattern(patternText);
  if (!pattern.ok) {
    reading.problems.push({ at, message: pattern.error });
    return;
  }
  const variables = new Map<string, Located>();
  if (pattern.value.port !== undefined)
    variables.set('ansible_port', { kind: 'scalar', value: pattern.value.port, at });
  for (const assignment of assignments) {
    const equals = assignment.indexOf('=');
    if (equals < 1) {
      reading.problems.push({ at, message: `"${assignment}" behind the host ${patternText} is not key=value` });
      continue;
    }
    variables.set(assignment.slice(0, equals), parseLiteral(assignment.slice(equals + 1), at));
  }
  for (const name of pattern.value.names) {
    const host = reading.hosts.get(name) ?? { name, at, variables: new Map<string, Located>() };
    for (const [key, value] of variables) host.variables.set(key, value);
    reading.hosts.set(name, host);
    const members = groupOf(reading, group).hosts;
    if (!members.includes(name)) members.push(name);
  }
}

function readChildLine(reading: Reading, group: string, line: string, at: SourcePosition): void {
  const child = line.replace(/\s*#.*$/, '');
  if (/\s/.test(child)) {
    reading.problems.push({ at, message: `"${child}" in [${group}:children] must be one group name` });
    return;
  }
  reading.references.push({ group: child, at, by: `${group}:children` });
  const children = groupOf(reading, group).children;
  if (!children.includes(child)) children.push(child);
}

function readVariableLine(reading: Reading, group: string, line: string, at: SourcePosition): void {
  const equals = line.indexOf('=');
  const key = line.slice(0, Math.max(equals, 0)).trim();
  if (key === '') {
    reading.problems.push({ at, message: `"${line}" in [${group}:vars] is not key=value` });
    return;
  }
  groupOf(reading, group).variables.set(key, parseVarsValue(line.slice(equals + 1).trim(), at));
}

function groupOf(reading: Reading, name: string): MutableGroup {
  const known = reading.groups.get(name);
  if (known !== undefined) return known;
  const group: MutableGroup = { name, hosts: [], children: [], variables: new Map() };
  reading.groups.set(name, group);
  return group;
}

function reportCycles(reading: Reading): void {
  const finished = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) {
      const at = reading.references.find(({ group }) => group === name)?.at ?? { file: reading.file };
      reading.problems.push({ at, message: `the groups contain each other: ${[...path, name].join(' > ')}` });
    } else if (!finished.has(name)) {
      for (const child of reading.groups.get(name)?.children ?? []) visit(child, [...path, name]);
      finished.add(name);
    }
  };
  for (const name of reading.groups.keys()) visit(name, []);
}
