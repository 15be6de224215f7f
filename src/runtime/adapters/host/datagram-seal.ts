/**
 * Proves who sent a datagram, and keeps it from being read, changed, or played back: AEAD with a key for each direction
 * between two processes, derived from the secret that all share. Knows nothing of what is inside.
 *
 *      0         1      2          4             12             20           28
 *     ┌─────────┬──────┬──────────┬─────────────┬──────────────┬────────────┬──────── … ─┬───────────┐
 *     │ version │ mode │ key id   │ sender boot │ receiver boot│  number    │  message   │ tag  (16) │
 *     └─────────┴──────┴──────────┴─────────────┴──────────────┴────────────┴──────── … ─┴───────────┘
 *
 *  - A boot is what a process draws when it starts and tells in its Lease. Datagrams of a process before, or to one, are
 *    worthless, and so is a datagram sent to somebody else: each pair has its own key.
 *  - The number counts up; it is the nonce, and each is taken once.
 *  - Two secrets may be in force while they are being replaced. The key id says which one the sender would like to use;
 *    it uses the one that the receiver is known to have, so that it does not matter who learns of the new one first.
 *  - Without a secret, the mode is 'plain': the same header, no tag, nothing proven.
 *
 * Implements: docs/liveness-protocol.md §9; RFC 5869 (HKDF), NIST SP 800-38D (GCM).
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { ReplayWindow } from './replay-window.ts';

const VERSION = 1;
const PLAIN = 0;
const SEALED = 1;
const HEADER_BYTES = 28;
const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';
/** What a datagram is longer than its message. */
export const SEAL_BYTES = HEADER_BYTES + TAG_BYTES;

export const REFUSALS = [
  /** Too short, or of another version or mode. */
  'malformed',
  /** No Lease tells of this process. */
  'unknown-sender',
  /** Of a process that another has followed, or to one that was here before. */
  'stale-boot',
  /** Seen before, or too old to tell. */
  'replayed',
  /** Another secret, or changed on its way. */
  'bad-tag',
  /** Not sealed, though there is a secret here. */
  'unsealed',
  /** Sealed, and there is no secret here. */
  'no-key',
] as const;
export type Refusal = (typeof REFUSALS)[number];

/** A secret under the id that its holders know it by; the id tells nothing of it. */
interface Secret {
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** What is in force. Of secrets the first is used for sending. */
export interface SealKeys {
  /** At most two count. None: everything is plain. */
  readonly secrets: readonly Uint8Array[];
  /** Whether plain datagrams are taken although there is a secret: while it is new and others may not have it yet. */
  readonly plain: 'refused' | 'accepted';
}

interface Partner {
  readonly node: string;
  readonly boot: Buffer;
  number: number;
  readonly window: ReplayWindow;
  /** Derived once. */
  readonly sendKeys: Map<Secret, Buffer>;
  readonly receiveKeys: Map<Secret, Buffer>;
  /** The key ids that it used last, and would like to use; 0: plain. Undefined: nothing came from it. */
  usedId: number | undefined;
  likedId: number | undefined;
}

export type Opened =
  | { readonly ok: true; readonly node: string; readonly message: Uint8Array }
  | { readonly ok: false; readonly refusal: Refusal };

/** How far the numbers of a process have come, each way. */
interface Numbers {
  readonly sent: number;
  readonly received: number;
}

/**
 * How many processes that are gone are remembered: to tell them from strangers, and because one may come back, as when
 * its Lease is deleted and made anew. Its keys are the same then, so no number may be used or taken a second time.
 */
const GONE_BOOTS = 4096;

export class DatagramSeal {
  readonly #boot: Buffer;
  #secrets: readonly Secret[] = [];
  #plain: SealKeys['plain'] = 'accepted';
  #byNode = new Map<string, Partner>();
  #byBoot = new Map<string, Partner>();
  readonly #gone = new Map<string, Numbers>();

  /** This process, as 16 hex digits. */
  constructor(boot: string) {
    this.#boot = Buffer.from(boot, 'hex');
  }

  setKeys({ secrets, plain }: SealKeys): void {
    this.#secrets = secrets.slice(0, 2).map((bytes) => ({ bytes, id: secretId(bytes) }));
    this.#plain = this.#secrets.length === 0 ? 'accepted' : plain;
    for (const partner of this.#byNode.values()) {
      partner.sendKeys.clear();
      partner.receiveKeys.clear();
    }
  }

  /** The other processes there are. What is known of those that stay is kept. */
  setPeers(peers: readonly { readonly node: string; readonly boot: string }[]): void {
    const before = this.#byNode;
    this.#byNode = new Map(
      peers.map(({ node, boot }) => {
        const known = before.get(node);
        return [node, known?.boot.toString('hex') === boot ? known : newPartner(node, boot, this.#numbersOf(boot))];
      }),
    );
    for (const boot of this.#byBoot.keys()) this.#gone.set(boot, this.#numbersOf(boot));
    this.#byBoot = new Map([...this.#byNode.values()].map((partner) => [partner.boot.toString('hex'), partner]));
    for (const boot of this.#byBoot.keys()) this.#gone.delete(boot);
    for (const boot of this.#gone.keys()) {
      if (this.#gone.size <= GONE_BOOTS) break;
      this.#gone.delete(boot);
    }
  }

  #numbersOf(boot: string): Numbers {
    const partner = this.#byBoot.get(boot);
    if (partner !== undefined) return { sent: partner.number, received: partner.window.highest };
    return this.#gone.get(boot) ?? { sent: 0, received: 0 };
  }

  /** Undefined: there is no such peer. */
  seal(node: string, message: Uint8Array): Uint8Array | undefined {
    const partner = this.#byNode.get(node);
    if (partner === undefined) return undefined;
    partner.number += 1;
    const secret = this.#secretFor(partner);
    const header = this.#header(partner, secret === undefined ? PLAIN : SEALED);
    if (secret === undefined) return Buffer.concat([header, message]);
    const key = derived(partner.sendKeys, secret, this.#boot, partner.boot);
    const cipher = createCipheriv(CIPHER, key, nonce(header));
    cipher.setAAD(header);
    return Buffer.concat([header, cipher.update(message), cipher.final(), cipher.getAuthTag()]);
  }

  open(datagram: Uint8Array): Opened {
    const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
    const mode = bytes[1];
    if (bytes.length < HEADER_BYTES || bytes[0] !== VERSION || (mode !== PLAIN && mode !== SEALED)) {
      return refused('malformed');
    }
    if (!this.#boot.equals(bytes.subarray(12, 20))) return refused('stale-boot');
    const boot = bytes.toString('hex', 4, 12);
    const partner = this.#byBoot.get(boot);
    if (partner === undefined) return refused(this.#gone.has(boot) ? 'stale-boot' : 'unknown-sender');
    const number = bytes.readUInt16BE(20) === 0 ? bytes.readUIntBE(22, 6) : 0;
    if (!partner.window.isFresh(number)) return refused('replayed');
    const opened = mode === PLAIN ? this.#openPlain(bytes) : this.#openSealed(bytes, partner);
    if (typeof opened === 'string') return refused(opened);
    partner.window.take(number);
    partner.usedId = opened.id;
    partner.likedId = bytes.readUInt16BE(2);
    return { ok: true, node: partner.node, message: opened.message };
  }

  #openPlain(bytes: Buffer): Refusal | { id: number; message: Uint8Array } {
    return this.#plain === 'refused' ? 'unsealed' : { id: 0, message: bytes.subarray(HEADER_BYTES) };
  }

  #openSealed(bytes: Buffer, partner: Partner): Refusal | { id: number; message: Uint8Array } {
    if (this.#secrets.length === 0) return 'no-key';
    if (bytes.length < SEAL_BYTES) return 'malformed';
    // The one it used last is tried first.
    const secrets = [...this.#secrets].sort(
      (a, b) => Number(b.id === partner.usedId) - Number(a.id === partner.usedId),
    );
    const header = bytes.subarray(0, HEADER_BYTES);
    for (const secret of secrets) {
      const key = derived(partner.receiveKeys, secret, partner.boot, this.#boot);
      const decipher = createDecipheriv(CIPHER, key, nonce(header), { authTagLength: TAG_BYTES });
      decipher.setAAD(header);
      decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
      const message = decipher.update(bytes.subarray(HEADER_BYTES, bytes.length - TAG_BYTES));
      try {
        decipher.final();
        return { id: secret.id, message };
      } catch {
        // The tag is of another key, or of other bytes.
      }
    }
    return 'bad-tag';
  }

  /** The first one that the partner is known to have; undefined: none, plain. */
  #secretFor(partner: Partner): Secret | undefined {
    const [first, second] = this.#secrets;
    if (first === undefined || partner.likedId === first.id || partner.usedId === first.id) return first;
    if (partner.usedId === undefined) return second !== undefined && partner.number % 2 === 0 ? second : first;
    if (partner.usedId === second?.id || partner.likedId === second?.id) return second;
    return partner.usedId === 0 && this.#plain === 'accepted' ? undefined : first;
  }

  #header(partner: Partner, mode: number): Buffer {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt8(VERSION, 0);
    header.writeUInt8(mode, 1);
    header.writeUInt16BE(this.#secrets[0]?.id ?? 0, 2);
    this.#boot.copy(header, 4);
    partner.boot.copy(header, 12);
    header.writeUIntBE(partner.number, 22, 6);
    return header;
  }
}

function newPartner(node: string, boot: string, { sent, received }: Numbers): Partner {
  return {
    node,
    boot: Buffer.from(boot, 'hex'),
    number: sent,
    window: new ReplayWindow(received),
    sendKeys: new Map(),
    receiveKeys: new Map(),
    usedId: undefined,
    likedId: undefined,
  };
}

function refused(refusal: Refusal): Opened {
  return { ok: false, refusal };
}

/** Four zero bytes and the number: a key is never used twice with the same. */
function nonce(header: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(4), header.subarray(20, 28)]);
}

function derived(keys: Map<Secret, Buffer>, secret: Secret, sender: Buffer, receiver: Buffer): Buffer {
  let key = keys.get(secret);
  if (key === undefined) {
    const info = Buffer.concat([Buffer.from('metallb liveness datagram 1'), sender, receiver]);
    key = Buffer.from(hkdfSync('sha256', secret.bytes, '', info, 32));
    keys.set(secret, key);
  }
  return key;
}

/** 1 … 65,535: 0 stands for plain. */
function secretId(secret: Uint8Array): number {
  const [high = 0, low = 0] = new Uint8Array(hkdfSync('sha256', secret, '', 'metallb liveness key id 1', 2));
  return Math.max(1, (high << 8) | low);
}
