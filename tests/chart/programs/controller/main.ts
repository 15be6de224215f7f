/** Stands in for the controller in image.test.ts: uses packages of both module kinds, and says who runs it. */
import { KubeConfig } from '@kubernetes/client-node';
import { pino } from 'pino';

const users: readonly unknown[] = new KubeConfig().getUsers() ?? [];
pino({ timestamp: false }).info({ uid: process.getuid?.(), users });
