/**
 * The floor of a restart: reads all Services by pages, as any client with a pod's service account does, prints how many
 * there are, and ends. Only node:https and JSON.parse.
 */
import { readFileSync } from 'node:fs';
import https from 'node:https';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** What kubectl takes. */
const PAGE_SIZE = 500;

interface Page {
  readonly items: readonly unknown[];
  readonly metadata: { readonly continue?: string };
}

const ca = readFileSync(`${ACCOUNT}/ca.crt`);
const authorization = `Bearer ${readFileSync(`${ACCOUNT}/token`, 'utf8')}`;
const agent = new https.Agent({ keepAlive: true });
let count = 0;
let next = '';
do {
  const page = await read(next);
  count += page.items.length;
  next = page.metadata.continue ?? '';
} while (next !== '');
agent.destroy();
console.log(count);

function read(from: string): Promise<Page> {
  const query = new URLSearchParams({ limit: String(PAGE_SIZE), ...(from === '' ? {} : { continue: from }) });
  const options = {
    host: process.env['KUBERNETES_SERVICE_HOST'],
    port: process.env['KUBERNETES_SERVICE_PORT'],
    path: `/api/v1/services?${query}`,
    headers: { authorization, accept: 'application/json' },
    agent,
    ca,
  };
  return new Promise((resolve, reject) => {
    const request = https.get(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode === 200) resolve(JSON.parse(text) as Page);
        else reject(new Error(`HTTP ${response.statusCode}: ${text}`));
      });
    });
    request.on('error', reject);
  });
}
